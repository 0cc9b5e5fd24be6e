"""A mail server on the loopback that takes every message."""

from __future__ import annotations

import queue
import re
import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self


class MailServer:
    """Use as a context manager; messages wait in the order in which they came."""

    def __init__(self) -> None:
        self._messages: queue.Queue[EmailMessage] = queue.Queue()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.messages = self._messages
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._server.server_address[1]}"

    def link_to(self, recipient: str) -> str:
        """The path that the next message to somebody leads to."""
        while True:
            message = self._messages.get(timeout=30)
            if message["to"] == recipient:
                break
        found = re.search(r"https?://[^/\s]+(/\S+)", message.get_content())
        assert found, message.as_string()
        return found[1]

    def is_silent(self) -> bool:
        return self._messages.empty()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    messages: queue.Queue[EmailMessage]


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self._say(220)
        while line := self.rfile.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"DATA":
                self._say(354)
                parsed = message_from_bytes(b"".join(self._body()), policy=policy.default)
                assert isinstance(parsed, EmailMessage)
                self.server.messages.put(parsed)
            self._say(221 if verb == b"QUIT" else 250)
            if verb == b"QUIT":
                return

    def _body(self) -> list[bytes]:
        lines = list(iter(self.rfile.readline, b".\r\n"))
        return [line.removeprefix(b".") if line.startswith(b"..") else line for line in lines]

    def _say(self, status: int) -> None:
        self.wfile.write(b"%d here\r\n" % status)
