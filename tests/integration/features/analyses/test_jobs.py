"""Analyses of tracks, from order to record."""

import pytest

from stemwright.errors import AccessDenied, AudioNotReady, InvalidFeatures, UnknownTrack
from stemwright.kit.ids import new_uuid

KEYS = {
    *("tempo", "key", "energy", "zero_crossing_rate", "spectral_centroid", "spectral_rolloff"),
    "features",
}


@pytest.fixture
def track(library, account, song):
    return library.track(account.owner, song)


def run(library, track, features=None):
    return library.run(library.analyses.order(track.owner, track.id, features))


def test_all_features_are_found_and_kept_with_the_track(library, track):
    done = run(library, track, ["all"])

    found = done.result
    assert set(found) == KEYS
    assert 0 < found["energy"] < 1
    assert 0 < found["spectral_centroid"] < found["spectral_rolloff"]
    assert (len(found["features"]["mfcc"]), len(found["features"]["chroma"])) == (13, 12)
    assert library.tracks.analysis(track.owner, track.id).result == found
    assert not (library.scratch / done.id).exists()


def test_what_was_not_asked_for_is_null_or_absent(library, track):
    found = run(library, track, ["energy"]).result

    asked = {key for key, value in found.items() if value is not None}
    assert asked == {"energy", "zero_crossing_rate", "features"}
    assert {"mfcc", "chroma"}.isdisjoint(found["features"])


def test_an_analysis_that_fails_leaves_the_one_before(library, track, tmp_path):
    before = run(library, track, ["energy"]).result
    (tmp_path / "broken").write_bytes(b"no sound at all " * 100)
    key = library.tracks.audio(track.owner, track.id).key
    library.service.storage.put_file(key, tmp_path / "broken", content_type="audio/flac")

    failed = run(library, track)

    assert (failed.status, failed.error_code) == ("failed", "input.unreadable")
    assert str(library.scratch) not in failed.error_message
    assert library.tracks.analysis(track.owner, track.id).result == before


def test_orders_that_cannot_be_carried_out_make_no_job(library, track, account):
    with pytest.raises(InvalidFeatures):
        library.analyses.order(account.owner, track.id, ["loudest"])
    with pytest.raises(AudioNotReady):
        library.analyses.order(account.owner, library.track(account.owner).id)
    with pytest.raises(UnknownTrack):
        library.analyses.order(account.owner, new_uuid())
    with pytest.raises(AccessDenied):
        library.analyses.order(library.account().owner, track.id)
    assert library.jobs(account) == 0


def test_a_cancelled_analysis_finds_nothing(library, track, account):
    job = library.analyses.order(account.owner, track.id)
    library.analyses.cancel(account.owner, job.id)

    assert library.run(job).result is None
