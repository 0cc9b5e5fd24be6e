"""TLS is checked against the name although the connection is made to an address."""

import shutil
import socket
import ssl
import threading
from subprocess import run

import pytest

from stemwright.errors import RemoteUnreachable
from stemwright.web.addresses import AddressPolicy
from stemwright.web.client import GuardedClient, Limits

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=music.example -keyout key.pem"
    names = ["-addext", "subjectAltName=DNS:music.example", "-out", "cert.pem"]
    run(["openssl", *words.split(), *names], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def server(certificate):
    """Serve one connection over TLS; yields its port and the names asked for in the handshake."""
    asked = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    context.sni_callback = lambda _, name, __: asked.append(name)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = threading.Thread(target=_serve, args=(listener, context))
    serving.start()
    yield listener.getsockname()[1], asked
    serving.join()
    listener.close()


def _serve(listener, context):
    connection, _ = listener.accept()
    with connection:
        try:
            with context.wrap_socket(connection, server_side=True) as encrypted:
                encrypted.recv(4096)
                encrypted.sendall(ANSWER)
        except OSError:
            return  # the client did not like the certificate, as some tests want it


def _get(port, host, ca_file):
    client = GuardedClient(
        AddressPolicy.parse(("127.0.0.1/32",)),
        limits=Limits(connect_s=2.0, idle_s=2.0),
        ca_file=ca_file,
        resolve=lambda *_: ["127.0.0.1"],
    )
    with client.stream(f"https://{host}:{port}/") as reply:
        return reply.status, b"".join(reply.blocks())


def test_the_handshake_asks_for_the_name_and_checks_it(server, certificate):
    port, asked = server
    assert _get(port, "music.example", certificate / "cert.pem") == (200, b"ok")
    assert asked == ["music.example"]


def test_a_certificate_for_another_name_is_refused(server, certificate):
    with pytest.raises(RemoteUnreachable, match="certificate"):
        _get(server[0], "other.example", certificate / "cert.pem")


def test_a_certificate_of_an_unknown_authority_is_refused(server):
    with pytest.raises(RemoteUnreachable, match="certificate"):
        _get(server[0], "music.example", None)
