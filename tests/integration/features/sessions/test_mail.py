"""Messages as a mail server gets them."""

import shutil
import socket
import ssl
import threading
from contextlib import suppress
from email import message_from_string, policy
from subprocess import run

import pytest

from stemwright.errors import MailFailed, OptionError
from stemwright.features.sessions.mail import LoggedMail, SmtpMail, open_mailer
from support.browsers import SITE


class SmtpServer:
    """Takes one connection, and remembers what was said on it."""

    def __init__(self, folder=None, *, refuses="", implicit=False, offers=()):
        self._context = _context(folder) if folder else None
        self._refuses = refuses
        self._implicit = implicit
        self._offers = [*offers, *(["STARTTLS"] if folder and not implicit else [])]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.said = []
        self.body = ""
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *failure):
        self._thread.join(20)
        self._listener.close()

    @property
    def message(self):
        return message_from_string(self.body, policy=policy.default)

    def _serve(self):
        connection, _ = self._listener.accept()
        connection.settimeout(20)
        try:
            if self._implicit:
                connection = self._context.wrap_socket(connection, server_side=True)
            self._talk(connection)
        except OSError:
            pass  # the client did not like the certificate, as some tests want it
        finally:
            connection.close()

    def _talk(self, connection):
        connection.sendall(b"220 here\r\n")
        lines = connection.makefile("rb")
        while line := lines.readline().decode().rstrip("\r\n"):
            self.said.append(line)
            verb = line.split()[0].upper()
            if self._refuses and verb == self._refuses:
                connection.sendall(b"550 no: secret words\r\n")
            elif verb == "EHLO":
                offers = ["here", *self._offers]
                lead = [f"250-{it}\r\n" for it in offers[:-1]]
                connection.sendall("".join([*lead, f"250 {offers[-1]}\r\n"]).encode())
            elif verb == "STARTTLS":
                connection.sendall(b"220 go on\r\n")
                lines.close()
                connection = self._context.wrap_socket(connection, server_side=True)
                self._offers.remove("STARTTLS")
                lines = connection.makefile("rb")
            elif verb == "DATA":
                connection.sendall(b"354 go on\r\n")
                text = []
                while (part := lines.readline().decode()) != ".\r\n":
                    text.append(part.replace("\r\n", "\n"))
                self.body = "".join(text)
                connection.sendall(b"250 taken\r\n")
            elif verb == "AUTH":
                connection.sendall(b"235 welcome\r\n")
            elif verb == "QUIT":
                connection.sendall(b"221 bye\r\n")
                break
            else:
                connection.sendall(b"250 fine\r\n")
        lines.close()
        connection.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate")
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem"
    names = ["-addext", "subjectAltName=DNS:localhost", "-out", "cert.pem"]
    run(["openssl", *words.split(), *names], cwd=folder, check=True, capture_output=True)
    return folder


def _context(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def mail(server, **options):
    known = {"host": "127.0.0.1", "port": server.port, "sender": "stems@example.org"}
    return SmtpMail(**{**known, **options})


def test_a_message_arrives_as_it_was_sent():
    with SmtpServer() as server:
        mail(server).send("ada@example.org", "Log in", "Hello,\n\nöpen this.\n")
    message = server.message
    assert (message["From"], message["To"]) == ("stems@example.org", "ada@example.org")
    assert message["Subject"] == "Log in"
    assert message["Date"]
    assert message["Message-ID"].endswith("@example.org>")
    assert message.get_content() == "Hello,\n\nöpen this.\n"


@pytest.mark.parametrize("refuses", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_refuses_is_told_without_its_words(refuses):
    with SmtpServer(refuses=refuses) as server, pytest.raises(MailFailed) as failure:
        mail(server).send("ada@example.org", "Log in", "Hello")
    assert "secret words" not in failure.value.message


def test_a_server_that_is_not_there_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(MailFailed, match=f"127.0.0.1:{port}"):
        SmtpMail(host="127.0.0.1", port=port, sender="a@b").send("a@b", "x", "y")


def test_tls_is_used_where_it_is_offered_and_the_password_after_it(certificate):
    with SmtpServer(certificate, offers=["AUTH PLAIN"]) as server:
        ca = str(certificate / "cert.pem")
        sender = mail(server, host="localhost", ca_file=ca, user="me", password="pw")
        sender.send("ada@example.org", "Log in", "Hello")
    verbs = [line.split()[0].upper() for line in server.said]
    assert verbs[:4] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
    assert server.message["Subject"] == "Log in"


def test_tls_from_the_first_byte(certificate):
    with SmtpServer(certificate, implicit=True) as server:
        ca = str(certificate / "cert.pem")
        sender = mail(server, host="localhost", ca_file=ca, implicit_tls=True)
        sender.send("ada@example.org", "Log in", "Hello")
    assert server.message["Subject"] == "Log in"


def test_a_certificate_nobody_vouches_for_is_refused(certificate):
    with SmtpServer(certificate) as server, pytest.raises(MailFailed):
        mail(server, host="localhost").send("ada@example.org", "Log in", "Hello")
    assert server.body == ""


def test_a_password_is_not_sent_in_the_clear_over_a_network(monkeypatch):
    monkeypatch.setattr("stemwright.features.sessions.mail._NEAR", frozenset())
    with SmtpServer(offers=["AUTH PLAIN"]) as server, pytest.raises(MailFailed):
        mail(server, user="me", password="pw").send("ada@example.org", "Log in", "Hello")
    assert [line.split()[0].upper() for line in server.said] == ["EHLO"]


@pytest.mark.parametrize("to", ["ada@example.org\nBcc: all@example.org", "ada@example.org, b@c"])
def test_an_address_is_one_address(to):
    with SmtpServer() as server:
        with suppress(MailFailed):
            mail(server).send(to, "Log in", "Hello")
        assert not any("all@" in line or "<b@c>" in line for line in server.said)


@pytest.mark.parametrize(
    "url",
    ["http://host", "smtp://", "host:25", "smtp://host:x", "smtp://host:0", "smtps://host/path"],
)
def test_what_is_no_mail_server_is_refused(url):
    with pytest.raises(OptionError, match="STEMWRIGHT_MAIL_URL"):
        open_mailer(url, "stems@example.org", public_url=SITE)


def test_a_server_without_a_sender_is_refused():
    with pytest.raises(OptionError, match="STEMWRIGHT_MAIL_FROM"):
        open_mailer("smtp://host", "", public_url=SITE)


def test_nor_is_one_without_an_address_for_links_to_begin_with():
    with pytest.raises(OptionError, match="STEMWRIGHT_PUBLIC_URL"):
        open_mailer("smtp://host", "stems@example.org", public_url="")


def test_settings_name_the_server_and_keep_its_password_to_themselves():
    found = open_mailer("smtps://me%40x:p%2Fw@mail.example", "stems@example.org", public_url=SITE)
    assert (found.host, found.port, found.implicit_tls) == ("mail.example", 465, True)
    assert (found.user, found.password) == ("me@x", "p/w")
    assert "p/w" not in repr(found)
    assert isinstance(open_mailer("", "", public_url=""), LoggedMail)
