"""The running service against attackers, unlucky users and clumsy clients of this API."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile

from support.forge_service import NO_LIMITS, ForgeService
from support.forge_world import TRACK_PAGE, ForgeWorld

pytestmark = pytest.mark.slow

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, around):
    """A service that may reach the stand-ins' address alone."""
    allowed = {"STEMWRIGHT_ALLOW_PRIVATE_NETWORKS": "127.0.0.1/32"}
    settings = {**around.settings(), **NO_LIMITS, **allowed}
    with ForgeService(tmp_path_factory.mktemp("hostile"), settings) as service:
        world = ForgeWorld(service, around)
        yield world
        world.close()


@pytest.fixture
def api(hostile):
    return hostile.alice.api


def refusal(answer, *statuses):
    assert answer.status_code in statuses, answer.text
    told = answer.json()
    assert isinstance(told["error"], str)
    assert "Traceback" not in answer.text
    return told


BODIES = {
    "nothing": b"",
    "half a body": b"{",
    "a list": b"[1]",
    "a number": b"7",
    "null": b"null",
    "no utf-8": b'{"url": "\xff\xfe"}',
    "utf-16": '{"url": "x"}'.encode("utf-16"),
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deep lists": b"[" * 100_000,
    "an endless number": b'{"track_id": ' + b"9" * 10_000 + b"}",
    "no numbers": b'{"url": NaN, "features": [Infinity]}',
    "NUL": b'{"track_id": "a\\u0000b", "url": "a\\u0000b"}',
    "half a character": b'{"track_id": "\\ud800", "url": "\\ud800"}',
    "half a character as a name": b'{"\\ud800": 1}',
    "two of one name": b'{"track_id": "a", "url": "a", "track_id": 1, "url": 1}',
    "a library": b'{"a": "' + b"x" * (2 << 20) + b'"}',
}


@pytest.mark.parametrize(
    "path", ["spotify/fetch", "download/track", "processing/separate", "analysis/analyze"]
)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_body_makes_the_service_stumble(api, path, body):
    refusal(api.post(f"/api/{path}", content=body, headers=JSON), 400, 413)


VALUES = (True, 0, -1, 1.5, 1e308, 10**400, " ", "x" * 100_000, [], {}, [[]], [1], {"a": 1})
FIELDS = {
    "spotify/fetch": ["url"],
    "download/track": ["url", "quality", "upload_key", "chain"],
    "processing/separate": ["track_id", "model", "engine", "stems", "stem_filter", "splitter"],
    "analysis/analyze": ["track_id", "features", "type"],
}


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, names in FIELDS.items() for name in names]
)
def test_no_value_of_a_field_makes_the_service_stumble(hostile, api, path, name):
    good = {"url": "spotify:track:x", "track_id": hostile.track, "engine": "lalalai"}
    if name == "upload_key":
        del good["url"]
    for value in VALUES:
        answer = api.post(f"/api/{path}", content=json.dumps(good | {name: value}), headers=JSON)
        # 502: of what is right otherwise, Spotify does not know the track
        assert answer.status_code in {400, 404, 502, 201}, (value, answer.text)


KINDS = (
    "multipart/form-data",
    "multipart/form-data; boundary=",
    f"multipart/form-data; boundary={'x' * 5000}",
    "application/x-www-form-urlencoded; charset=utf-16",
    "application/json; charset=utf-7",
    "a/b;" * 1000,
)


@pytest.mark.parametrize("path", ["/api/daw/export", "/api/lalalai/cancel", "/users/settings"])
def test_no_kind_of_body_makes_a_browsers_routes_stumble(hostile, path):
    headers = {"x-csrf-token": hostile.token, "accept": "application/json"}
    for kind in KINDS:
        answer = hostile.alice.browser.post(
            path, content=b"\xff" * 99 + b"--x\r\n", headers={**headers, "content-type": kind}
        )
        assert answer.status_code < 500, (kind, answer.text)


def test_ten_thousand_fields_are_too_many(hostile):
    fields = {f"user[field{number}]": "x" for number in range(10_000)}
    browser, headers = hostile.alice.browser, {"x-csrf-token": hostile.token}

    settings = browser.post("/users/settings", data=fields, headers=headers)
    fetched = hostile.alice.api.post("/api/spotify/fetch", data=fields)

    assert (settings.status_code, fetched.status_code) == (400, 400)


MANIFESTS = {
    "deep": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "no number": '{"volumes": {"vocals": NaN}}',
    "endless": '{"volumes": {"vocals": 1e999}}',
    "huge": '{"volumes": {"vocals": ' + "9" * 5000 + "}}",
    "half a character": '{"volumes": {"\\ud800": 1}, "edits": [{"stem": "\\udc00"}]}',
    "long": '{"volumes": {"' + "x" * 900_000 + '": 1}}',
    "backwards": '{"volumes": {"\\u202evocals": 1}}',
    "too many": json.dumps({"edits": [{"stem": "vocals", "type": "split"}] * 5000}),
    "too slow": '{"edits": ['
    + ",".join(['{"stem": "vocals", "type": "pitch_shift", "params": {"semitones": 1}}'] * 17)
    + "]}",
}


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_no_manifest_makes_the_mixer_stumble(hostile, api, manifest):
    body = {"track_id": hostile.separated_track, "manifest": manifest}

    answer = api.post("/api/daw/export", data=body, files={"none": b""})

    assert refusal(answer, 400)["code"] == "invalid_manifest"


def part(name, content, more=""):
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def test_forms_that_are_bombs_are_refused(hostile, api, tmp_path):
    track = part("track_id", hostile.separated_track.encode())
    silence = tmp_path / "silence.flac"
    with soundfile.SoundFile(silence, "w", 8000, 1) as file:
        for _ in range(30):
            file.write(np.zeros(8000 * 600, np.int16))
    hours = part("stems[]", silence.read_bytes(), '; filename="vocals.flac"')
    headers = {"content-type": "multipart/form-data; boundary=B"}

    for bomb, status in (
        (b"".join(part(f"a{number}", b"x") for number in range(5000)), 400),
        (part("manifest", b"x" * (5 << 20)), 413),
        (part("a", b"", f'; filename="{"x" * (3 << 20)}"'), 400),
        (hours, 400),
    ):
        answer = api.post("/api/daw/export", content=track + bomb + b"--B--\r\n", headers=headers)
        refusal(answer, status)
    assert silence.stat().st_size < 1 << 20


def test_slow_forms_of_one_account_keep_no_other_one_out(hostile, api):
    request = (
        "POST /api/daw/export HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {hostile.bob.key}\r\n"
        "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 10000\r\n\r\n--B\r\n"
    )
    address = ("127.0.0.1", hostile.service.port)
    slow = [socket.create_connection(address) for _ in range(20)]
    for connection in slow:
        connection.sendall(request.encode())

    body = {"track_id": hostile.separated_track}
    answer = api.post("/api/daw/export", data=body, files={"none": b""}, timeout=20)

    for connection in slow:
        connection.close()
    assert answer.status_code == 200


# ------------------------------------------------------------------------------------ links


class Inside(BaseHTTPRequestHandler):
    """What a link must not reach: it stands at an address that was not allowed."""

    asked: list[str] = []  # noqa: RUF012 - of all

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Outside(BaseHTTPRequestHandler):
    """Sends everybody elsewhere, or anything but a song."""

    def do_GET(self):
        path, _, target = self.path.partition("?")
        try:
            self._answer(path, target)
        except OSError:
            return

    def _answer(self, path, target):
        self.send_response(302 if target else 200)
        self.send_header("Location", target)
        self.send_header("Content-Type", "audio/wav")
        self.end_headers()
        block = {"/endless": b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(1 << 16), "/drip": b"R"}
        while content := block.get(path):
            self.wfile.write(content)
            time.sleep(0.3 if path == "/drip" else 0)

    def log_message(self, *_):
        pass


def serving(host, handler):
    server = ThreadingHTTPServer((host, 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def inside():
    server = serving("127.0.0.2", Inside)
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def outside():
    server = serving("127.0.0.1", Outside)
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


LINKS = (
    "http://127.0.0.2:{port}/",
    "http://127.2:{port}/",
    "http://2130706434:{port}/",
    "http://0x7f000002:{port}/",
    "http://0177.0.0.2:{port}/",
    "http://[::ffff:127.0.0.2]:{port}/",
    "http://[64:ff9b::7f00:2]:{port}/",
    "http://[2002:7f00:2::]:{port}/",
    "http://[::1]:{port}/",
    "http://0.0.0.0:{port}/",
    "http://127.0.0.1@127.0.0.2:{port}/",
    "http://127.0.0.2:{port}#@127.0.0.1/",
    "http://127.0.0.2:{port}\\@127.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "gopher://127.0.0.2:{port}/",
    "https://www.youtube.com@127.0.0.2:{port}/watch?v=aaaaaaaaaaa",
    "https://open.spotify.com@127.0.0.2:{port}/track/abc",
    "{outside}/?http://127.0.0.2:{port}/",
    "{outside}/?//127.0.0.2:{port}/",
    "{outside}/?file:///etc/passwd",
)


@pytest.mark.parametrize("link", LINKS)
def test_no_link_leads_inside(api, inside, outside, link):
    url = link.format(port=inside, outside=outside)

    told = refusal(api.post("/api/download/track", json={"url": url}), 400)

    assert told["code"] == "invalid_url"
    assert Inside.asked == []


@pytest.mark.parametrize(("path", "status"), [("/endless", 413), ("/drip", 400)])
def test_a_link_without_end_is_not_waited_for(api, hostile, outside, path, status):
    began = time.monotonic()

    refusal(api.post("/api/download/track", json={"url": outside + path}), status)

    assert time.monotonic() - began < 25
    scratch = hostile.service.data_dir / "scratch"
    assert not [it for it in scratch.rglob("*") if it.is_file() and "mix" not in str(it)]


# ----------------------------------------------------------------------------------- titles

EVIL = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\r\nSet-Cookie: a=b\u2028\u202e🎸"
    '../../../etc "; filename="evil.exe'
)


@pytest.fixture(scope="module")
def evil(hostile):
    """A track of which everything that Spotify and a video say is meant ill; its download."""
    around = hostile.around
    spotify_id = around.publish("Evil")
    told = around.spotify.catalogue.tracks[spotify_id]
    told["name"], told["artists"] = EVIL, [{"name": EVIL}]
    told["album"] = {"name": EVIL, "images": [{"url": "javascript:alert(1)", "width": 640}]}
    list(around.site.media.values())[-1].title = f"{EVIL} - {EVIL}"
    return hostile.done("download", "/api/download/track", url=f"{TRACK_PAGE}/{spotify_id}")


def test_what_a_title_says_is_only_text_on_a_page(hostile, evil):
    page = hostile.alice.browser.get("/").text

    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "javascript:" not in page


def test_what_a_title_says_sets_no_header_and_names_no_path(hostile, api, evil):
    track = evil["track_id"]
    hostile.done("processing", "/api/processing/separate", track_id=track)
    mixed = api.post("/api/daw/export", data={"track_id": track}, files={"none": b""})

    for answer in (api.get(f"/export/stems/{track}"), mixed):
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert answer.headers["content-disposition"].count('"') == 2
        assert "/" not in answer.headers["content-disposition"].partition("filename*")[0]
    name = evil["output_path"].removeprefix(f"/files/downloads/{track}/")
    assert "/" not in name
    assert api.get(evil["output_path"]).headers["content-type"] == "audio/mpeg"


def test_after_all_this_nothing_was_a_defect(hostile):
    assert "Traceback" not in hostile.service.log
