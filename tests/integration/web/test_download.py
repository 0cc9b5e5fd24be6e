import pytest

from stemwright.errors import Cancelled, OutputError, RemoteTooLarge, RemoteUnreachable
from stemwright.web.addresses import AddressPolicy
from stemwright.web.client import GuardedClient, Limits
from stemwright.web.download import ResumableDownload
from support.hub_server import HubServer

CONTENT = bytes(range(256)) * 8192
SIZE = len(CONTENT)
HALF = SIZE // 2


@pytest.fixture
def hub():
    with HubServer() as server:
        yield server


def _download(hub, destination, *, path="/file", progress=lambda *_: None, max_bytes=SIZE):
    client = GuardedClient(AddressPolicy(), limits=Limits(connect_s=1.0, idle_s=2.0))
    return ResumableDownload(client).download(
        hub.url(path),
        destination,
        headers={},
        trusted=True,
        max_bytes=max_bytes,
        progress=progress,
    )


def _stop_at(size):
    def progress(done, total):
        if done >= size:
            raise Cancelled("enough")

    return progress


def _interrupted(hub, destination):
    with pytest.raises(Cancelled):
        _download(hub, destination, progress=_stop_at(HALF))


def test_a_file_arrives_whole_with_progress_to_the_end(hub, tmp_path):
    hub.publish("/file", CONTENT)
    seen = []
    _download(hub, tmp_path / "file", progress=lambda done, total: seen.append((done, total)))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_dropped_connection_is_continued_where_it_broke(hub, tmp_path):
    hub.publish("/file", CONTENT, breaks_after=[HALF, HALF + 1000])
    _download(hub, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert hub.ranges_asked() == [None, f"bytes={HALF}-", f"bytes={HALF + 1000}-"]


def test_a_server_that_never_sends_a_byte_is_given_up_at_once(hub, tmp_path):
    hub.publish("/file", CONTENT, breaks_after=[0, 0, 0])
    with pytest.raises(RemoteUnreachable):
        _download(hub, tmp_path / "file")
    assert len(hub.requests) == 1


@pytest.mark.parametrize("etag", [True, False])
def test_a_cancelled_download_is_continued_next_time(hub, tmp_path, etag):
    hub.publish("/file", CONTENT, etag=etag)
    _interrupted(hub, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    assert _download(hub, tmp_path / "file"), "said to be continued"
    assert hub.ranges_asked()[1] is not None
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(hub, tmp_path):
    hub.publish("/file", CONTENT)
    _interrupted(hub, tmp_path / "file")
    hub.publish("/file", CONTENT[::-1])
    _download(hub, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT[::-1]


def test_a_server_without_ranges_starts_over(hub, tmp_path):
    hub.publish("/file", CONTENT, ranges=False)
    _interrupted(hub, tmp_path / "file")
    _download(hub, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_of_another_address_is_not_continued(hub, tmp_path):
    hub.publish("/file", CONTENT)
    hub.publish("/other", CONTENT[::-1])
    _interrupted(hub, tmp_path / "file")
    _download(hub, tmp_path / "file", path="/other")
    assert (tmp_path / "file").read_bytes() == CONTENT[::-1]


def test_a_part_longer_than_the_file_is_dropped(hub, tmp_path):
    hub.publish("/file", CONTENT, etag=False)
    _interrupted(hub, tmp_path / "file")
    with (tmp_path / "file.part").open("ab") as part:
        part.write(CONTENT)
    with pytest.raises(RemoteUnreachable, match="changed meanwhile"):
        _download(hub, tmp_path / "file")
    _download(hub, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_length_over_the_limit_is_refused_before_the_body(hub, tmp_path):
    hub.publish("/file", CONTENT)
    with pytest.raises(RemoteTooLarge):
        _download(hub, tmp_path / "file", max_bytes=HALF)
    assert list(tmp_path.iterdir()) == []


def test_a_body_without_a_length_is_cut_at_the_limit(hub, tmp_path):
    hub.publish("/file", CONTENT, chunked=True)
    with pytest.raises(RemoteTooLarge):
        _download(hub, tmp_path / "file", max_bytes=HALF)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [401, 403, 404, 416, 500, 503])
def test_a_refusing_server_is_reported_with_its_status(hub, tmp_path, status):
    hub.statuses["/file"] = status
    with pytest.raises(RemoteUnreachable, match=str(status) if status != 416 else "changed"):
        _download(hub, tmp_path / "file")


def test_a_disk_that_takes_nothing_is_an_output_error(hub, tmp_path):
    hub.publish("/file", CONTENT)
    with pytest.raises(OutputError, match="absent"):
        _download(hub, tmp_path / "absent" / "file")
