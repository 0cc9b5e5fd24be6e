import json
import os
import re
import shutil
import tarfile
from collections import namedtuple
from datetime import UTC, datetime

import pytest

from stemwright.engine.catalog import MODELS
from stemwright.engine.licences import LicencePolicy
from stemwright.engine.sources import Phase
from stemwright.engine.weights import ModelStore
from stemwright.errors import (
    Cancelled,
    DownloadFailed,
    InputNotFound,
    LicenceRefused,
    OutputError,
    WeightsCorrupt,
    WeightsMissing,
)
from support.hub_server import HubServer
from support.reference import installed_weights
from support.small_model import CONTENT, FILE, OTHER, SHA256, small_model, small_store

HALF = len(CONTENT) // 2
MODEL = small_model()


@pytest.fixture
def hub():
    with HubServer() as server:
        server.publish(f"/{FILE}", CONTENT)
        yield server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models"


def _left(folder):
    """What the store's folder holds besides its lock."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_pulled_model_is_installed_with_a_record_and_nothing_else(hub, folder):
    now = datetime(2026, 1, 2, tzinfo=UTC)
    store = small_store(folder, hub.url(""), now=lambda: now)
    assert store.pull(MODEL) == folder / "small" / "weights.safetensors"
    assert store.require(MODEL).read_bytes() == CONTENT
    assert _left(folder) == ["small"]
    record = json.loads((folder / "small" / "record.json").read_text())
    assert record["source"] == hub.url(f"/{FILE}")
    assert record["source_sha256"] == record["sha256"] == SHA256
    assert record["installed_at"] == "2026-01-02T00:00:00+00:00"


def test_an_installed_model_is_not_fetched_again(hub, folder):
    store = small_store(folder, hub.url(""))
    assert store.pull(MODEL) == store.pull(MODEL)
    assert len(hub.requests) == 1


def test_what_is_not_installed_names_the_command_that_installs_it(folder):
    store = small_store(folder)
    assert store.installed(MODEL) is None
    assert store.record(MODEL) is None
    assert store.size_bytes(MODEL) == 0
    with pytest.raises(WeightsMissing, match="stemwright models pull small"):
        store.require(MODEL)


def test_progress_tells_phases_and_counts_to_the_end(hub, folder):
    seen = []
    small_store(folder, hub.url("")).pull(MODEL, progress=seen.append)
    phases = list(dict.fromkeys(report.phase for report in seen))
    assert phases == [Phase.DOWNLOADING, Phase.VERIFYING, Phase.CONVERTING]
    downloads = [report for report in seen if report.phase is Phase.DOWNLOADING]
    assert (downloads[-1].done, downloads[-1].total) == (len(CONTENT), len(CONTENT))


def test_the_terms_are_shown_once_before_anything_is_fetched(hub, folder):
    shown = []

    def notice(licence):
        shown.append((licence, len(hub.requests)))

    store = small_store(folder, hub.url(""))
    store.pull(MODEL, on_licence=notice)
    store.pull(MODEL, on_licence=notice)
    assert shown == [(MODEL.licence, 0)]
    assert store.record(MODEL).licence_accepted


def test_declining_the_terms_fetches_nothing(hub, folder):
    def decline(licence):
        raise Cancelled("declined")

    with pytest.raises(Cancelled):
        small_store(folder, hub.url("")).pull(MODEL, on_licence=decline)
    assert hub.requests == []


def test_a_refused_licence_fetches_nothing(hub, folder):
    store = small_store(folder, hub.url(""), policy=LicencePolicy.parse("commercial"))
    with pytest.raises(LicenceRefused):
        store.pull(MODEL)
    assert hub.requests == []


def test_a_source_that_fails_gives_way_to_the_next(hub, folder):
    hub.statuses[f"/broken/{FILE}"] = 500
    store = small_store(folder, hub.url("/broken"), "http://127.0.0.1:9", hub.url(""))
    store.pull(MODEL)
    assert store.record(MODEL).source == hub.url(f"/{FILE}")


def test_when_all_fail_each_says_why_and_what_to_do(hub, folder):
    hub.statuses[f"/broken/{FILE}"] = 500
    hub.publish(f"/wrong/{FILE}", OTHER)
    sources = [hub.url(path) for path in ("/broken", "/absent", "/wrong")]
    with pytest.raises(DownloadFailed) as caught:
        small_store(folder, *sources).pull(MODEL)
    reasons = re.split(r"\(\d\) ", caught.value.message)[1:]
    for source, reason, words in zip(sources, reasons, ("500", "404", "checksum"), strict=True):
        assert source in reason
        assert words in reason
    assert f"get {FILE} by other means" in caught.value.message
    assert "--from PATH" in caught.value.message


def test_no_source_at_all_says_so(folder):
    with pytest.raises(DownloadFailed, match="MODEL_SOURCES names no source"):
        small_store(folder, "none").pull(MODEL)


def test_a_wrong_file_is_deleted_and_never_installed(hub, folder):
    hub.publish(f"/{FILE}", OTHER)
    with pytest.raises(DownloadFailed, match="checksum"):
        small_store(folder, hub.url("")).pull(MODEL)
    assert list((folder / ".downloads-small").iterdir()) == []


def test_a_wrong_part_is_not_what_makes_a_good_source_fail(hub, folder):
    hub.publish(f"/{FILE}", CONTENT, etag=False)
    store = small_store(folder, hub.url(""))
    _cancelled_at(HALF, store)
    (part,) = (folder / ".downloads-small").glob("*.part")
    part.write_bytes(bytes(part.stat().st_size))
    store.pull(MODEL)
    assert store.require(MODEL).read_bytes() == CONTENT


def _cancelled_at(size, store):
    def progress(report):
        if report.phase is Phase.DOWNLOADING and report.done >= size:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        store.pull(MODEL, progress=progress)


def test_a_cancelled_pull_keeps_only_what_can_be_continued(hub, folder):
    store = small_store(folder, hub.url(""))
    _cancelled_at(HALF, store)
    assert _left(folder) == [".downloads-small"]
    store.pull(MODEL)
    assert hub.ranges_asked()[-1] is not None
    assert _left(folder) == ["small"]


def test_a_file_that_arrived_before_a_crash_is_used_without_the_network(hub, folder):
    (folder / ".downloads-small").mkdir(parents=True)
    (folder / ".downloads-small" / FILE).write_bytes(CONTENT)
    small_store(folder, hub.url("")).pull(MODEL)
    assert hub.requests == []


def test_what_a_killed_install_left_is_swept(hub, folder):
    for rest in (".installing-small-abc", ".removed-small-xyz"):
        (folder / rest).mkdir(parents=True)
    small_store(folder, hub.url("")).pull(MODEL)
    assert _left(folder) == ["small"]


def test_a_checkpoint_that_cannot_be_read_gives_way_to_the_next_source(hub, folder):
    def convert(raw, destination, model):
        raise WeightsCorrupt("of another class")

    with pytest.raises(DownloadFailed, match="of another class"):
        small_store(folder, hub.url(""), convert=convert).pull(MODEL)
    assert "small" not in _left(folder)


def test_a_full_disk_is_said_before_fetching(hub, folder, monkeypatch):
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - the shape of shutil's answer
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1))
    with pytest.raises(DownloadFailed, match=r"needs \d+ MB more.*STEMWRIGHT_MODELS_DIR"):
        small_store(folder, hub.url("")).pull(MODEL)
    assert hub.requests == []


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="STEMWRIGHT_MODELS_DIR"):
        small_store(tmp_path / "file" / "models").pull(MODEL)


def test_a_public_source_may_not_lead_to_the_inner_network(hub, folder):
    model = small_model(location=hub.url(""))
    with pytest.raises(DownloadFailed, match="not on the open internet"):
        small_store(folder).pull(model)
    assert hub.requests == []


def test_verifying_finds_one_changed_byte(hub, folder):
    store = small_store(folder, hub.url(""))
    weights = store.pull(MODEL)
    assert store.verify(MODEL).sha256 == SHA256
    weights.write_bytes(b"x" + CONTENT[1:])
    with pytest.raises(WeightsCorrupt, match="models remove small"):
        store.verify(MODEL)


def test_removing_frees_the_space_once(hub, folder):
    store = small_store(folder, hub.url(""))
    store.pull(MODEL)
    assert store.size_bytes(MODEL) > len(CONTENT)
    assert store.remove(MODEL)
    assert not store.remove(MODEL)
    assert _left(folder) == []


def test_removing_from_a_store_that_never_was_is_no_error(tmp_path):
    assert not small_store(tmp_path / "absent").remove(MODEL)


# --- weights the user has -----------------------------------------------------------------------


def _package(path, content=CONTENT, member=FILE):
    source = path.with_name("content")
    source.write_bytes(content)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(source, member)
    source.unlink()
    return path


def test_a_file_is_known_by_its_checksum_whatever_its_name(tmp_path, folder):
    (tmp_path / "download(1)").write_bytes(CONTENT)
    store = small_store(folder)
    store.pull(MODEL, from_path=tmp_path / "download(1)")
    assert store.require(MODEL).read_bytes() == CONTENT
    assert _left(folder) == ["small"]


def test_the_weights_of_another_machine_are_taken(tmp_path, folder, hub):
    small_store(tmp_path / "other", hub.url("")).pull(MODEL)
    small_store(folder).pull(MODEL, from_path=tmp_path / "other" / "small")
    assert (folder / "small" / "weights.safetensors").read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["small-1.0.0.tgz", "any.tar.gz"])
def test_a_package_is_unpacked(tmp_path, folder, name):
    store = small_store(folder)
    store.pull(MODEL, from_path=_package(tmp_path / name))
    assert store.require(MODEL).read_bytes() == CONTENT


def test_a_folder_is_searched_for_known_files(tmp_path, folder):
    (tmp_path / "weights.safetensors").write_bytes(OTHER)
    _package(tmp_path / "small.tgz")
    store = small_store(folder)
    store.pull(MODEL, from_path=tmp_path)
    assert store.require(MODEL).read_bytes() == CONTENT


def test_another_file_is_refused_with_what_was_wanted(tmp_path, folder):
    (tmp_path / FILE).write_bytes(OTHER)
    with pytest.raises(WeightsCorrupt, match=f"{FILE}.*Wanted: {FILE} \\(sha256 {SHA256[:12]}"):
        small_store(folder).pull(MODEL, from_path=tmp_path / FILE)
    assert _left(folder) == []


@pytest.mark.parametrize("content", [b"", b"not a package", OTHER])
def test_a_broken_package_is_one_clear_error(tmp_path, folder, content):
    (tmp_path / "small.tgz").write_bytes(content)
    with pytest.raises(WeightsCorrupt, match="does not hold the weights"):
        small_store(folder).pull(MODEL, from_path=tmp_path / "small.tgz")


def test_a_path_that_is_not_there_is_one_clear_error(tmp_path, folder):
    with pytest.raises(InputNotFound, match="absent does not exist"):
        small_store(folder).pull(MODEL, from_path=tmp_path / "absent")


def test_a_given_path_replaces_what_is_installed(tmp_path, folder, hub):
    store = small_store(folder, hub.url(""))
    store.pull(MODEL).write_bytes(OTHER)
    (tmp_path / FILE).write_bytes(CONTENT)
    store.pull(MODEL, from_path=tmp_path / FILE)
    assert store.verify(MODEL).source == str(tmp_path / FILE)


def _skip_if_nothing_is_forbidden(path, mode):
    if os.access(path, mode):
        pytest.skip("this user may read and write everything")


def test_a_store_that_may_not_be_written_is_one_clear_error(hub, folder):
    folder.mkdir(mode=0o555)
    _skip_if_nothing_is_forbidden(folder, os.W_OK)
    with pytest.raises(OutputError, match=r"Permission denied.*STEMWRIGHT_MODELS_DIR"):
        small_store(folder, hub.url("")).pull(MODEL)


def test_a_file_that_may_not_be_read_is_one_clear_error(tmp_path, folder):
    (tmp_path / FILE).touch(mode=0)
    _skip_if_nothing_is_forbidden(tmp_path / FILE, os.R_OK)
    with pytest.raises(InputNotFound, match="may not be read"):
        small_store(folder).pull(MODEL, from_path=tmp_path / FILE)


@pytest.mark.model
def test_the_installed_weights_are_the_ones_the_catalogue_pins():
    model = MODELS["htdemucs"]
    store = ModelStore(installed_weights().parents[1])
    record = store.verify(model)
    assert (record.sha256, record.size_bytes) == (
        model.networks[0].installed_sha256,
        model.size_bytes,
    )
