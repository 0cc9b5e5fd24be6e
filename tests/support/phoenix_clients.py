"""npm ``phoenix`` 1.8.16, 1.7.21 and 1.6.16, as they are, with ``ws``: clients in one process."""

from __future__ import annotations

import itertools
import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, Self

import pytest

from .repository import ROOT

NODE = ROOT / "tests" / "acceptance" / "soundforge" / "node"
PACKAGES = {"1.8": "phoenix", "1.7": "phoenix-1.7", "1.6": "phoenix-1.6"}
PATIENCE_S = 30

needs_node = pytest.mark.skipif(
    not (NODE / "node_modules").is_dir(),
    reason="the Node clients are not installed; make test does it where npm is",
)

Told = dict[str, Any]


class PhoenixClients:
    """Node, and the clients that live in it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._told: dict[str, queue.Queue[Told]] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["node", NODE / "client.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for end in (self._process.stdin, self._process.stdout):
            end.close()

    def connect(
        self,
        package: str,
        url: str,
        key: str | None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Phoenix:
        """Have a client connect, with a key among its parameters if there is one."""
        name = str(next(self._numbers))
        self._told[name] = queue.Queue()
        client = Phoenix(self, name, self._told[name])
        params = {"token": key} if key else {}
        options = {"params": params, **options}
        client.do("connect", package=package, url=url, options=options, headers=headers or {})
        return client

    def send(self, command: Mapping[str, Any]) -> None:
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        for line in self._process.stdout:
            told = json.loads(line)
            self._told[told.pop("on")].put({**told, "at": time.monotonic()})


class Phoenix:
    """One client, and what happened to it."""

    def __init__(self, node: PhoenixClients, name: str, told: queue.Queue[Told]) -> None:
        self._node, self._name, self._told = node, name, told

    def do(self, command: str, **given: Any) -> None:
        self._node.send({"on": self._name, "do": command, **given})

    def join(self, job_id: str, name: str = "channel") -> None:
        self.do("channel", **{"as": name}, topic=f"jobs:{job_id}")
        self.do("join", **{"as": name})

    def hear(self, kind: str, **fields: Any) -> Told:
        """The next thing of a kind, and of these fields; others are passed over."""
        return self.hear_all(kind, **fields)[-1]

    def hear_all(self, kind: str, **fields: Any) -> list[Told]:
        """Everything up to the next thing of a kind, and of these fields."""
        end, heard = time.monotonic() + PATIENCE_S, []
        while not heard or heard[-1]["kind"] != kind or not fields.items() <= heard[-1].items():
            try:
                heard.append(self._told.get(timeout=max(end - time.monotonic(), 0.01)))
            except queue.Empty:
                raise AssertionError(f"no {kind} {fields} among {heard}") from None
        return heard

    def everything(self, within_s: float) -> list[Told]:
        """All that happens in a time."""
        time.sleep(within_s)
        told = []
        while not self._told.empty():
            told.append(self._told.get())
        return told

    def close(self) -> None:
        self.do("disconnect")


def events_among(heard: Iterable[Told]) -> list[Told]:
    """The events of channels, by name and with what they say."""
    return [{"event": it["event"], **it["payload"]} for it in heard if it["kind"] == "event"]
