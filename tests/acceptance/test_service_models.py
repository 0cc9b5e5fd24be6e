"""Every model through both APIs: random weights of the real sizes in the published formats."""

from io import BytesIO

import pytest
import soundfile

from stemwright.engine.catalog import MODELS
from support.hub_server import HubServer
from support.live_server import Service, wait_until
from support.media_site import MediaSite
from support.published_models import Published, publish_htdemucs, publish_mdx_extra
from support.repository import ROOT
from support.signals import music

pytestmark = [pytest.mark.long, pytest.mark.slow]

SECONDS = 6
VIDEO = "sample00001"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    song = tmp_path_factory.mktemp("media") / "song.wav"
    soundfile.write(song, music(SECONDS).T, 44_100)
    with MediaSite() as site:
        site.add(VIDEO, song, "The Band - Sample", SECONDS)
        yield site


@pytest.fixture(scope="module")
def service(tmp_path_factory, site):
    """A service that has fetched all models but the default one from a hub of this machine."""
    folder = tmp_path_factory.mktemp("service")
    with HubServer() as hub:
        published = Published(hub)
        publish_htdemucs(published, "htdemucs")
        publish_htdemucs(published, "htdemucs_ft")
        publish_htdemucs(published, "htdemucs_6s")
        publish_mdx_extra(published)
        published.write_catalogue(folder / "catalogue.json")
        settings = {
            "PYTHONPATH": str(ROOT / "tests"),
            "CATALOGUE": str(folder / "catalogue.json"),
            "STEMWRIGHT_MODELS_DIR": str(folder / "models"),
            "STEMWRIGHT_MODEL_SOURCES": hub.url(""),
            "STEMWRIGHT_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
            "STEMWRIGHT_YOUTUBE_URL_TEMPLATE": site.youtube_url_template,
            "STEMWRIGHT_RATE_LIMIT_PER_MINUTE": "0",
            "STEMWRIGHT_RATE_LIMIT_HEAVY_PER_MINUTE": "0",
        }
        with Service(folder / "data", settings, module="support.catalogue_service") as service:
            for name in MODELS:
                service.run("models", "pull", name, module=service.module)
            service.run("models", "default", "balanced", "mdx_extra", module=service.module)
            yield service


@pytest.fixture(scope="module")
def client(service):
    key = service.run("keys", "create", "test").strip()
    with service.client(headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


@pytest.fixture(scope="module")
def track(client):
    """A track whose song is there."""
    asked = {"url": f"https://www.youtube.com/watch?v={VIDEO}", "quality": "lossless"}
    made = client.post("/api/download/track", json=asked).raise_for_status().json()["data"]
    ended(client, f"/api/download/job/{made['job_id']}")
    return made["track_id"]


def ended(client, path):
    """A job of either API when it has ended."""
    seen = []

    def has_ended():
        answer = client.get(path).raise_for_status().json()
        seen[:] = [answer.get("data", answer)]
        return seen[0]["status"].lower() in {"completed", "failed"}

    wait_until(has_ended, path, patience_s=300)
    return seen[0]


def length_of(client, path):
    """Frames of a file."""
    with soundfile.SoundFile(BytesIO(client.get(path).raise_for_status().content)) as file:
        return file.frames


@pytest.mark.parametrize("name", list(MODELS))
def test_a_track_is_separated_by_any_model(client, track, name):
    asked = {"track_id": track, "model": name}
    made = client.post("/api/processing/separate", json=asked).raise_for_status().json()["data"]
    job = ended(client, f"/api/processing/job/{made['job_id']}")

    assert (job["status"], job["error"], job["model"]) == ("completed", None, name)
    assert {stem["stem_type"] for stem in job["stems"]} == set(MODELS[name].stems)
    assert {stem["options"]["model"] for stem in job["stems"]} == {name}
    for stem in job["stems"]:
        assert length_of(client, stem["url"]) == pytest.approx(SECONDS * 44_100, abs=64)


@pytest.mark.parametrize(
    ("wish", "model", "stems"),
    [
        ({"outputType": "SIX_STEMS", "quality": "BEST"}, "htdemucs_6s", 6),
        ({"outputType": "FOUR_STEMS", "quality": "BEST"}, "htdemucs_ft", 4),
        ({"outputType": "FOUR_STEMS", "quality": "FAST"}, "htdemucs", 4),
        ({"outputType": "FOUR_STEMS", "quality": "BALANCED"}, "mdx_extra", 4),
    ],
)
def test_an_order_is_given_to_the_model_of_its_quality(client, site, wish, model, stems):
    link = f"{site.origin}/files/{VIDEO}.wav"
    asked = {"sourceUrl": link, "outputFormat": "WAV", **wish}
    made = client.post("/api/v1/jobs", json=asked).raise_for_status().json()
    job = ended(client, f"/api/v1/jobs/{made['id']}")

    assert (job["status"], job["model"]) == ("COMPLETED", model)
    assert len([name for name in job["outputs"] if name in MODELS[model].stems]) == stems
