"""From a link to Spotify to stems, an analysis and a mix, with the model and one key.

Nothing but HTTP, as in the guide for clients; Spotify and the site of videos are on the loopback.
"""

from __future__ import annotations

import io
import zipfile

import httpx
import numpy as np
import pytest
import soundfile

from stemwright.engine.catalog import MODELS
from stemwright.entry.wiring import open_store
from stemwright.settings import Settings
from support.forge_service import NO_LIMITS, SONG_S, Surroundings
from support.live_server import Service, wait_until

pytestmark = [
    pytest.mark.model,
    pytest.mark.slow,
    pytest.mark.skipif(
        open_store(Settings.load()).installed(MODELS["htdemucs"]) is None,
        reason="htdemucs is not installed; make setup does it",
    ),
]
FOUR = ["bass", "drums", "other", "vocals"]


@pytest.fixture
def api(tmp_path):
    with (
        Surroundings(tmp_path) as around,
        Service(tmp_path / "data", {**around.settings(), **NO_LIMITS}) as service,
    ):
        key = service.run("keys", "create", "test").split()[0]
        with service.client(headers={"Authorization": f"Bearer {key}"}) as client:
            client.spotify_id = around.publish("Lantern", album="Harbours")
            yield client


def ordered(api: httpx.Client, path: str, kind: str, **body: object) -> dict:
    """Order a job and wait for its end."""
    job_id = api.post(path, json=body).raise_for_status().json()["data"]["job_id"]
    told: dict = {}

    def ended() -> bool:
        told.update(api.get(f"/api/{kind}/job/{job_id}").raise_for_status().json()["data"])
        return told["status"] in {"completed", "failed"}

    wait_until(ended, f"the {kind}", patience_s=300)
    assert told["status"] == "completed", told
    return told


def wav(content: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(content), always_2d=True)[0]


def test_from_a_link_to_a_mix(api):
    url = f"https://open.spotify.com/track/{api.spotify_id}"
    track = api.post("/api/spotify/fetch", json={"url": url}).json()["data"]["track"]
    assert (track["title"], track["album"], track["duration"]) == ("Lantern", "Harbours", SONG_S)

    song = ordered(api, "/api/download/track", "download", url=url)
    assert song["track_id"] == track["id"]
    assert len(api.get(song["output_path"]).content) == song["file_size"]

    separated = ordered(api, "/api/processing/separate", "processing", track_id=track["id"])
    stems = {stem["stem_type"]: stem for stem in separated["stems"]}
    assert sorted(stems) == FOUR
    audio = {name: wav(api.get(stem["url"]).content) for name, stem in stems.items()}
    # the demo's drums are hits with silence between them, its bass is one steady line
    assert all(np.abs(samples).max() > 0.01 for samples in audio.values())

    found = ordered(
        api, "/api/analysis/analyze", "analysis", track_id=track["id"], features=["all"]
    )["result"]
    exported = api.get(f"/export/analysis/{track['id']}").json()
    assert exported["analysis"]["tempo"] == found["tempo"] > 0
    assert exported["analysis"]["key"] == found["key"]

    archive = zipfile.ZipFile(io.BytesIO(api.get(f"/export/stems/{track['id']}").content))
    assert sorted(archive.namelist()) == [f"Lantern - {name}.wav" for name in FOUR]

    form = {"track_id": (None, track["id"]), "manifest": (None, '{"mutes": {"vocals": true}}')}
    answer = api.post("/api/daw/export", files=form)
    assert answer.headers["content-disposition"] == 'attachment; filename="Lantern_export.wav"'
    mix = wav(answer.content)
    wanted = sum(audio[name] for name in FOUR if name != "vocals")
    peak = np.abs(wanted).max()
    assert np.abs(mix - wanted / max(peak, 1.0)).max() < 1e-3
