"""Separations of tracks, by a child of this machine and by lalal.ai."""

import io

import pytest
import soundfile

from stemwright.errors import (
    AccessDenied,
    AudioNotReady,
    InsufficientCredits,
    InvalidEngine,
    InvalidSeparationModel,
    LalalaiNotConfigured,
    OptionError,
    UnknownTrack,
    WeightsMissing,
)
from stemwright.features.processing.orders import ProcessingOrder
from stemwright.kit.ids import is_uuid, new_uuid
from support.lalalai_server import Fault
from support.song_jobs import GRANT_S

FOUR = ["vocals", "drums", "bass", "other"]


@pytest.fixture
def track(library, account, song):
    return library.track(account.owner, song)


def ordered(library, track, **order):
    return library.processing.order(track.owner, ProcessingOrder(track_id=track.id, **order))


def test_a_track_is_separated_into_wav_stems_that_outlive_the_job(library, track, account):
    done = library.run(ordered(library, track))

    stems = library.tracks.stems_of_job(done.id)
    assert (done.status, done.artefacts, is_uuid(done.id)) == ("completed", (), True)
    assert [it["stem_type"] for it in done.result["stems"]] == FOUR
    assert all(it["options"] == {"model": "htdemucs"} for it in done.result["stems"])
    for stem in stems:
        assert stem.file_path == f"stems/{done.id}/{stem.stem_type}.wav"
        heard = soundfile.info(io.BytesIO(library.content(stem.key)))
        assert (heard.frames, heard.samplerate, heard.channels) == (275_625, 44_100, 2)
    assert library.balance(account) == GRANT_S - 7
    assert not (library.scratch / done.id).exists()


def test_what_clients_see_of_a_stem_leads_to_it_and_not_to_where_it_is_kept(library, track):
    done = library.run(ordered(library, track))

    shown = done.result["stems"][0]
    stem = library.tracks.stem(track.owner, shown["id"])
    assert shown["url"] == f"/files/{stem.file_path}"
    assert shown["download_url"] == f"/export/stem/{stem.id}"
    assert (shown["processing_job_id"], shown["file_size"]) == (done.id, stem.size_bytes)
    assert "key" not in shown
    assert library.tracks.file_at(track.owner, stem.file_path).key == stem.key


def test_stems_stay_until_those_that_replace_them_are_there(library, track):
    first = library.run(ordered(library, track))
    second = ordered(library, track)
    kept = {stem.job_id for stem in library.tracks.stems(track.owner, track.id)}
    assert kept == {first.id}

    library.run(second)

    assert {it.job_id for it in library.tracks.stems(track.owner, track.id)} == {second.id}
    assert len(library.stored(f"stems/{first.id}")) == 4  # somebody may be downloading them
    library.tidy_later()
    assert library.stored(f"stems/{first.id}") == set()
    assert len(library.stored(f"stems/{second.id}")) == 4


def test_a_separation_that_fails_leaves_the_stems_that_were_there(library, track):
    first = library.run(ordered(library, track))
    second = ordered(library, track)
    key = library.tracks.audio(track.owner, track.id).key
    library.service.storage.delete([key])

    failed = library.run(second)

    assert failed.status == "failed"
    assert {it.job_id for it in library.tracks.stems(track.owner, track.id)} == {first.id}
    assert library.stored(f"stems/{second.id}") == set()


def test_a_cancelled_separation_leaves_nothing(library, track, account):
    job = ordered(library, track)
    library.processing.cancel(account.owner, job.id)

    assert library.run(job).status == "cancelled"
    assert library.stored(f"stems/{job.id}") == set()
    assert library.balance(account) == GRANT_S


@pytest.mark.parametrize(
    ("order", "error", "says"),
    [
        ({"model": "spleeter"}, InvalidSeparationModel, "Invalid model: spleeter"),
        ({"model": ""}, InvalidSeparationModel, "htdemucs, htdemucs_ft, htdemucs_6s, mdx_extra"),
        ({"engine": "cloud"}, InvalidEngine, "Invalid engine: cloud"),
        ({"splitter": "phoenix"}, InvalidEngine, "does not take splitter"),
        ({"preview": True}, InvalidEngine, "does not take preview"),
        ({"engine": "lalalai", "stem_filter": "kazoo"}, OptionError, "kazoo"),
        ({"engine": "lalalai", "stems": ("wind", "drums")}, OptionError, "by itself"),
        ({"model": "htdemucs_6s"}, WeightsMissing, "models pull htdemucs_6s"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused(
    library, track, account, order, error, says
):
    with pytest.raises(error, match=says):
        ordered(library, track, **order)
    assert library.jobs(account) == 0


def test_a_track_without_audio_and_one_of_another_are_refused(library, track, account):
    with pytest.raises(AudioNotReady):
        ordered(library, library.track(account.owner))
    with pytest.raises(UnknownTrack):
        library.processing.order(account.owner, ProcessingOrder(track_id=new_uuid()))
    with pytest.raises(AccessDenied):
        library.processing.order(library.account().owner, ProcessingOrder(track_id=track.id))


def test_whoever_cannot_pay_makes_no_job(library, track, account):
    with library.service.database.transaction() as session:
        library.service.credits.adjust(session, account.owner, 3 - GRANT_S)

    with pytest.raises(InsufficientCredits):
        ordered(library, track)
    assert library.jobs(account) == 0


def test_lalalai_separates_a_track_and_nothing_stays_over_there(library, track, lalalai):
    done = library.run(ordered(library, track, engine="lalalai", stem_filter="vocals"))

    assert done.status == "completed", done.error_message
    assert library.only_stems(track.owner, track) == {
        "vocals": "lalalai",
        "instrumental": "lalalai",
    }
    assert lalalai.operations()[-1] == "delete"


def test_a_preview_of_lalalai_does_not_replace_whole_stems(library, track):
    library.run(ordered(library, track))
    order = {"engine": "lalalai", "stems": ("vocals", "drums"), "preview": True}
    done = library.run(ordered(library, track, **order))

    assert done.status == "completed", done.error_message
    assert library.only_stems(track.owner, track) == dict.fromkeys(FOUR, "local")
    assert all(stem.is_preview for stem in library.tracks.stems_of_job(done.id))


def test_lead_and_backing_are_both_vocals(library, track):
    order = {"engine": "lalalai", "stem_filter": "vocals", "multivocal": "lead_back"}
    done = library.run(ordered(library, track, **order))

    labels = {it["options"].get("label"): it["stem_type"] for it in done.result["stems"]}
    assert labels == {"lead": "vocals", "backing": "vocals", None: "instrumental"}


def test_what_lalalai_refuses_fails_the_job_and_costs_nothing(library, track, account, lalalai):
    lalalai.fails("upload", Fault(status=403))
    failed = library.run(ordered(library, track, engine="lalalai"))

    assert (failed.status, failed.error_code.partition(".")[0]) == ("failed", "lalalai")
    assert library.balance(account) == GRANT_S


def test_without_a_key_lalalai_is_not_to_be_had(library, track, monkeypatch):
    monkeypatch.setattr(library.keys, "shared", "")
    with pytest.raises(LalalaiNotConfigured):
        ordered(library, track, engine="lalalai")


def test_whoever_brings_his_own_key_pays_no_credits(library, track, account):
    library.keys.enter(account.owner, "alices-licence-0000000000000002")

    assert ordered(library, track, engine="lalalai").cost == 0
    assert ordered(library, track).cost == 7
