"""The studio's export over real HTTP, mixed by real child processes."""

import io
import json
import socket
import time
from datetime import timedelta

import numpy as np
import pytest
import soundfile

from stemwright.kit.clock import utc_now
from stemwright.web.forms import FormLimits
from support.library_site import CSRF, LibrarySite
from support.live_server import AppServer, wait_until
from support.songs import write_song

OWNER = {"x-owner": "usr_1"}
ADDRESS = "/api/daw/export"
LIMIT = 4 << 20


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    site = LibrarySite((folder / "objects").as_uri(), folder, FormLimits(most_bytes=LIMIT))
    with AppServer(site.app) as server, server.client(headers=OWNER) as client:
        site.server, site.client = server, client
        yield site
    site.close()


@pytest.fixture
def site(sites, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield sites
    wait_until(lambda: not list(sites.scratch.glob("*")), "scratch folders removed")


@pytest.fixture
def wavs(tmp_path):
    return {
        name: write_song(tmp_path / f"{name}.wav", 0.5, seed=seed).read_bytes()
        for seed, name in enumerate(["vocals", "drums"])
    }


def sent(wavs):
    return [("stems[]", (f"{name}.wav", content, "audio/wav")) for name, content in wavs.items()]


def heard(content):
    return soundfile.read(io.BytesIO(content), always_2d=True)


def test_stems_that_are_sent_come_back_as_one_file(site, wavs):
    track = site.track(title="Für Elise")

    answer = site.client.post(ADDRESS, data={"track_id": track.id}, files=sent(wavs))

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert 'filename="Fur Elise_export.wav"' in answer.headers["content-disposition"]
    mix, rate = heard(answer.content)
    expected = sum(heard(content)[0] for content in wavs.values())
    assert rate == 44_100
    np.testing.assert_allclose(mix, expected, atol=1e-4)


def test_a_manifest_is_followed(site, wavs):
    manifest = {
        "sample_rate": 48_000,
        "bit_depth": 24,
        "volumes": {"vocals": 0.5},
        "mutes": {"drums": True},
        "edits": {"vocals": [{"type": "crop", "params": {"start_ms": 0, "end_ms": 250}}]},
    }

    answer = site.client.post(
        ADDRESS,
        data={"track_id": site.track().id, "manifest": json.dumps(manifest)},
        files=sent(wavs),
    )

    assert answer.status_code == 200, answer.text
    found = soundfile.info(io.BytesIO(answer.content))
    assert (found.samplerate, found.subtype, found.frames) == (48_000, "PCM_24", 24_000)


def test_without_files_the_tracks_own_stems_are_mixed(site, wavs):
    track = site.track()
    for name, content in wavs.items():
        stem = site.stem(track, name, content)
    manifest = json.dumps({"solos": {stem.id: True}})

    answer = site.client.post(
        ADDRESS, files={"track_id": (None, track.id), "manifest": ("m.json", manifest)}
    )

    assert answer.status_code == 200, answer.text
    np.testing.assert_allclose(heard(answer.content)[0], heard(wavs["drums"])[0], atol=1e-4)


def test_files_named_as_in_the_archive_of_stems_are_known_by_type(site, wavs):
    track = site.track()
    stem = site.stem(track, "vocals", wavs["vocals"])
    files = [("stems[]", ("My Song - vocals.wav", wavs["vocals"]))]

    for name in ("vocals", stem.id, "my song - VOCALS", "vocals_edited_17"):
        data = {"track_id": track.id, "manifest": json.dumps({"volumes": {name: 2}})}
        answer = site.client.post(ADDRESS, data=data, files=files)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("manifest", "place"),
    [
        ("{", ""),
        ('{"volumes": {"choir": 1}}', "volumes.choir"),
        (
            '{"edits": {"vocals": [{"type": "gain", "params": {"level": 1, "start": 900}}]}}',
            "edits.vocals[0].params",
        ),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told_by_place(site, wavs, manifest, place):
    data = {"track_id": site.track().id, "manifest": manifest}

    answer = site.client.post(ADDRESS, data=data, files=sent(wavs))

    assert answer.status_code == 400
    told = answer.json()
    assert told["code"] == "invalid_manifest"
    assert place in told["details"]


def test_a_file_that_does_not_decode_is_named_and_no_path_of_ours(site, wavs):
    files = sent({**wavs, "bass": b"no music at all"})

    answer = site.client.post(ADDRESS, data={"track_id": site.track().id}, files=files)

    told = answer.json()
    assert (answer.status_code, told["code"]) == (400, "invalid_stem")
    assert told["details"] == {"stem": "bass"}
    assert str(site.folder) not in answer.text


@pytest.mark.parametrize(
    ("data", "status", "error"),
    [
        ({}, 400, "track_id parameter is required"),
        ({"track_id": ""}, 400, "track_id parameter is required"),
        ({"track_id": "7"}, 404, "Track not found"),
        ({"track_id": "{foreign}"}, 403, "Access denied"),
        ({"track_id": "{own}"}, 404, "No stems available"),
    ],
)
def test_a_track_that_cannot_be_mixed_is_refused(site, data, status, error):
    known = {"foreign": site.track("usr_2").id, "own": site.track().id}
    fields = {name: (None, text.format(**known)) for name, text in data.items()}

    answer = site.client.post(ADDRESS, files={"other": (None, "1"), **fields})

    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_stems_that_are_gone_from_storage_are_an_error(site, wavs):
    track = site.track()
    site.storage.delete([site.stem(track, "vocals", wavs["vocals"]).key])

    answer = site.client.post(ADDRESS, files={"track_id": (None, track.id)})

    assert answer.status_code == 422


@pytest.mark.parametrize("announced", [True, False])
def test_more_than_the_limit_is_refused(site, announced):
    def body():
        yield b'--x\r\nContent-Disposition: form-data; name="stems[]"; filename="a.wav"\r\n\r\n'
        for _ in range(5):
            yield bytes(1 << 20)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    content = b"".join(body()) if announced else body()
    answer = site.client.post(ADDRESS, content=content, headers=headers)

    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=x", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n',
        ),
        (f"multipart/form-data; boundary={'x' * 999}", b"1"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 101 + b"--x--\r\n",
        ),
    ],
)
def test_what_is_no_form_is_refused(site, content_type, content):
    answer = site.client.post(ADDRESS, content=content, headers={"content-type": content_type})

    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    ("headers", "data", "status"),
    [
        ({}, {}, 403),
        ({"x-csrf-token": "wrong"}, {}, 403),
        ({}, {"_csrf_token": "wrong"}, 403),
        ({"x-csrf-token": CSRF}, {}, 200),
        ({}, {"_csrf_token": CSRF}, 200),
    ],
)
def test_a_session_needs_its_token_in_a_header_or_the_form(site, wavs, headers, data, status):
    fields = {"track_id": site.track().id, **data}

    answer = site.client.post(
        ADDRESS, data=fields, files=sent(wavs), headers={"x-by": "session", **headers}
    )

    assert answer.status_code == status


def test_strangers_are_refused(site, wavs):
    answer = site.client.post(ADDRESS, files=sent(wavs), headers={"x-owner": ""})

    assert (answer.status_code, answer.json()["error"]) == (401, "Unauthorized")


def test_an_edited_stem_is_kept_and_is_the_newest_of_its_type(site, wavs):
    track = site.track()
    site.stem(track, "vocals", wavs["vocals"])
    files = {"file": ("edited.wav", wavs["drums"])}
    data = {"track_id": track.id, "stem_type": "vocals"}

    first = site.client.post(ADDRESS, data=data, files=files).json()
    second = site.client.post(ADDRESS, data=data, files=files).json()

    assert first["ok"] is True
    assert first["file_path"].startswith(f"stems/{track.id}/vocals_edited_")
    assert first["file_path"] != second["file_path"]
    assert site.client.get(f"/files/{first['file_path']}").content == wavs["drums"]
    [stem] = site.tracks.stems("usr_1", track.id)
    assert (stem.id, stem.source) == (second["stem_id"], "edited")


@pytest.mark.parametrize(
    ("data", "content", "status", "error"),
    [
        ({"track_id": "{own}"}, b"", 400, "Missing required fields: file, track_id, stem_type"),
        ({"stem_type": "bass"}, b"", 400, "Missing required fields: file, track_id, stem_type"),
        ({"track_id": "7", "stem_type": "bass"}, b"", 400, "Invalid track_id format"),
        ({"track_id": "{own}", "stem_type": "kazoo"}, b"", 422, "its type must be one of"),
        ({"track_id": "{own}", "stem_type": "bass"}, b"no", 422, "the file is no WAV"),
        ({"track_id": "{own}", "stem_type": "bass"}, b"RIFF1234WAVEfmt ", 422, "cannot be mixed"),
        ({"track_id": "{foreign}", "stem_type": "bass"}, b"", 403, "Access denied"),
        ({"track_id": "{none}", "stem_type": "bass"}, b"", 404, "Track not found"),
    ],
)
def test_an_edited_stem_that_cannot_be_kept_is_refused(site, data, content, status, error):
    none = "7d9f8ad7-7bb7-4a23-9b1a-5b9f2f2d0000"
    known = {"foreign": site.track("usr_2").id, "own": site.track().id, "none": none}
    fields = {name: text.format(**known) for name, text in data.items()}

    answer = site.client.post(ADDRESS, data=fields, files={"file": ("a.wav", content)})

    assert answer.status_code == status, answer.text
    assert answer.json()["ok"] is False
    assert error in answer.json()["error"]
    assert str(site.folder) not in answer.text


def test_a_client_that_leaves_stops_the_mix_and_frees_the_disk(site, tmp_path):
    content = write_song(tmp_path / "long.wav", 20).read_bytes()
    manifest = {
        "edits": [
            {"stem": "long", "type": "time_stretch", "params": {"tempo_factor": 0.5}},
            {"stem": "long", "type": "pitch_shift", "params": {"semitones": 3}},
        ]
        * 4
    }
    fields = {"track_id": site.track().id, "manifest": json.dumps(manifest)}
    request = site.client.build_request(
        "POST", ADDRESS, data=fields, files=[("stems[]", ("long.wav", content))]
    )
    body = request.read()
    host, port = site.server.url.removeprefix("http://").split(":")
    started = time.monotonic()
    with socket.create_connection((host, int(port))) as connection:
        head = [f"POST {ADDRESS} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in request.headers.items()]
        connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
        wait_until(lambda: bool(site.children._busy), "a child at work")

    wait_until(lambda: not site.children._busy, "the child stopped")
    wait_until(lambda: not list(site.scratch.glob("*")), "the folder removed")
    assert time.monotonic() - started < 20


def test_a_client_that_leaves_while_it_is_sent_the_mix_frees_the_disk(site, tmp_path):
    content = write_song(tmp_path / "long.wav", 20).read_bytes()
    manifest = json.dumps({"sample_rate": 192_000, "bit_depth": 32})
    data = {"track_id": site.track().id, "manifest": manifest}

    files = [("stems[]", ("long.wav", content))]
    request = site.client.build_request("POST", ADDRESS, data=data, files=files)
    answer = site.client.send(request, stream=True)
    assert answer.headers["content-length"] > "30000000"
    assert next(answer.iter_raw())
    assert list(site.scratch.glob("*"))
    answer.close()

    wait_until(lambda: not list(site.scratch.glob("*")), "the folder removed")


def test_what_a_killed_process_left_is_removed_after_a_day(site):
    folder = site.mixes.open_folder()
    assert site.mixes.sweep() == 0
    site.mixes.clock = lambda: utc_now() + timedelta(days=2)
    try:
        assert site.mixes.sweep() == 1
    finally:
        site.mixes.clock = site.now
    assert not folder.exists()
