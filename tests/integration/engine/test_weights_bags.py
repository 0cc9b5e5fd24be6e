"""Models of several files: all of them or none, continued where they broke off."""

import hashlib
import json
import shutil
from collections import namedtuple

import pytest

from stemwright.engine.sources import Phase
from stemwright.errors import Cancelled, DownloadFailed, OutputError, WeightsCorrupt
from support.hub_server import HubServer
from support.small_model import PARTS, small_bag, small_store

BAG = small_bag()
HUB = "/me/bag/resolve/1"


@pytest.fixture
def hub():
    with HubServer() as server:
        for name, part in PARTS.items():
            server.publish(f"{HUB}/{name}.safetensors", part)
            server.publish(f"/mirror/{name}.th", part)
        yield server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models"


def _asked(hub):
    return [seen.path.rpartition("/")[2] for seen in hub.requests]


def test_every_network_is_installed_and_recorded(hub, folder):
    store = small_store(folder, f"huggingface={hub.url('')}")
    assert store.pull(BAG) == folder / "bag"
    for name, part in PARTS.items():
        assert (folder / "bag" / f"{name}.safetensors").read_bytes() == part
    record = json.loads((folder / "bag" / "record.json").read_text())
    sums = {f"{name}.safetensors": hashlib.sha256(p).hexdigest() for name, p in PARTS.items()}
    assert record["files"] == sums
    assert record["size_bytes"] == 600_000
    assert store.verify(BAG).sha256 == record["sha256"]
    assert sorted(path.name for path in folder.iterdir()) == [".bag.lock", "bag"]


def test_progress_says_which_of_the_files_it_is_about(hub, folder):
    seen = []
    small_store(folder, f"huggingface={hub.url('')}").pull(BAG, progress=seen.append)
    assert {report.files for report in seen} == {3}
    places = [report.file for report in seen]
    assert places == sorted(places)
    assert {report.file for report in seen if report.phase is Phase.CONVERTING} == {1, 2, 3}


def test_a_source_that_failed_once_is_not_asked_first_again(hub, folder):
    store = small_store(folder, hub.url("/absent"), hub.url("/mirror"))
    store.pull(BAG)
    assert _asked(hub)[:3] == ["one.safetensors", "one.th", "one.safetensors"]
    # after a place has served, its other files come from there at once
    assert [path for path in _asked(hub) if path.startswith("t")] == ["two.th", "three.th"]


def test_one_network_that_nobody_has_installs_nothing(hub, folder):
    del hub.files["/mirror/two.th"]
    del hub.files[f"{HUB}/two.safetensors"]
    with pytest.raises(DownloadFailed, match=r"get two\.safetensors or two\.th, and those of"):
        small_store(folder, hub.url("/mirror"), f"huggingface={hub.url('')}").pull(BAG)
    assert not (folder / "bag").exists()


def test_what_arrived_before_a_break_is_not_fetched_again(hub, folder):
    store = small_store(folder, hub.url("/mirror"))

    def stop(report):
        if report.file == 2 and report.done > 100_000:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        store.pull(BAG, progress=stop)
    hub.requests.clear()
    store.pull(BAG)
    assert "one.th" not in _asked(hub)
    assert store.verify(BAG)


def test_a_wrong_file_among_them_gives_way_to_another_source(hub, folder):
    hub.publish("/mirror/two.th", PARTS["two"][::-1] + b"x")
    store = small_store(folder, hub.url("/mirror"), f"huggingface={hub.url('')}")
    store.pull(BAG)
    assert store.verify(BAG).source.count(", ") == 2


@pytest.mark.parametrize("name", PARTS)
def test_one_changed_byte_in_any_file_is_found(hub, folder, name):
    store = small_store(folder, hub.url("/mirror"))
    store.pull(BAG)
    (folder / "bag" / f"{name}.safetensors").write_bytes(b"x")
    with pytest.raises(WeightsCorrupt, match="models remove bag"):
        store.verify(BAG)


@pytest.mark.parametrize("name", PARTS)
def test_a_bag_that_lacks_a_file_is_not_installed(hub, folder, name):
    store = small_store(folder, hub.url("/mirror"))
    store.pull(BAG)
    (folder / "bag" / f"{name}.safetensors").unlink()
    assert store.installed(BAG) is None
    assert store.pull(BAG)
    assert store.verify(BAG)


def test_room_for_all_of_them_is_asked_for_before_the_first(hub, folder, monkeypatch):
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - the shape of shutil's answer
    free = (64 << 20) + 3 * 200_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10 * free, 0, free))
    with pytest.raises(DownloadFailed, match=r"bag needs \d+ MB more"):
        small_store(folder, hub.url("/mirror")).pull(BAG)
    assert hub.requests == []


def test_a_folder_with_all_files_is_taken(tmp_path, folder):
    for name, part in PARTS.items():
        (tmp_path / f"{name}.th").write_bytes(part)
    store = small_store(folder)
    store.pull(BAG, from_path=tmp_path)
    assert store.verify(BAG)


def test_a_folder_without_one_of_them_names_the_network(tmp_path, folder):
    (tmp_path / "one.th").write_bytes(PARTS["one"])
    with pytest.raises(WeightsCorrupt, match=r"the weights of bag \(its network two\)"):
        small_store(folder).pull(BAG, from_path=tmp_path)
    assert not (folder / "bag").exists()


def test_room_is_asked_for_before_files_are_copied(tmp_path, folder, monkeypatch):
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - the shape of shutil's answer
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1))
    with pytest.raises(OutputError, match="needs"):
        small_store(folder).pull(BAG, from_path=tmp_path)


def test_removing_a_bag_removes_all_of_it(hub, folder):
    store = small_store(folder, hub.url("/mirror"))
    store.pull(BAG)
    assert store.size_bytes(BAG) > 600_000
    assert store.remove(BAG)
    assert [path.name for path in folder.iterdir()] == [".bag.lock"]
