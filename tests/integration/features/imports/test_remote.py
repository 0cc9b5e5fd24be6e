"""Files behind direct links: servers as they are, good, bad and hostile."""

import io
import struct
import time

import pytest

from stemwright.audio.decode import SongFile
from stemwright.errors import (
    AudioTooLong,
    AudioTooShort,
    Cancelled,
    FileTooLarge,
    InvalidSourceUrl,
    NotAudio,
    SourceUrlUnreachable,
)
from stemwright.features.imports.remote import RemoteFiles, RemoteLimits
from stemwright.web.addresses import AddressPolicy
from stemwright.web.client import GuardedClient, Limits
from support.media import write_lossy, write_pcm
from support.odd_server import (
    OddServer,
    broken_off,
    dripping,
    endless,
    in_turn,
    ranged,
    status,
    whole,
)
from support.signals import tones

LOOPBACK = AddressPolicy.parse(("127.0.0.0/8",))
PATIENCE = Limits(connect_s=1.0, idle_s=5.0)
LIMITS = RemoteLimits(max_bytes=3 << 20, whole_bytes=64 << 10, head_bytes=64 << 10)
HURRIED = RemoteLimits(whole_bytes=16, head_bytes=16 << 10, reading_share=0.0)


@pytest.fixture
def server():
    with OddServer() as odd:
        yield odd


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """One song of eight seconds in several formats, by the ending of its name."""
    folder, block = tmp_path_factory.mktemp("songs"), tones(8.0)
    paths = [
        write_pcm(folder / "song.wav", block),
        write_pcm(folder / "song.flac", block),
        write_lossy(folder / "song.mp3", block, codec="libmp3lame", bit_rate=320_000),
        write_lossy(folder / "song.m4a", block, codec="aac", bit_rate=320_000),
        write_pcm(folder / "song.ogg", block),
    ]
    return {path.suffix[1:]: path.read_bytes() for path in paths}


def seconds_of(path):
    return SongFile(path).info.duration_s


@pytest.fixture
def remote(tmp_path):
    return files(tmp_path)


def files(folder, limits=LIMITS, policy=LOOPBACK, naps=None, **options):
    client = GuardedClient(policy, limits=PATIENCE, **options)
    nap = (naps if naps is not None else []).append
    return RemoteFiles(client, folder / "kept", seconds_of, limits=limits, sleep=nap)


def fetched(remote, url, folder):
    into = folder / "job"
    into.mkdir(exist_ok=True)
    return remote.fetch(url, into, lambda _: None)


def left_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


# ------------------------------------------------------------------------------- inspection


def test_a_small_file_is_fetched_while_it_is_inspected(server, remote, songs):
    server.routes["/a/My%20Song.mp3"] = whole(songs["mp3"], Content_Type="audio/mpeg")
    url = server.url("/a/My%20Song.mp3?sig=1%2B2")
    facts = remote.inspect(f" <{url}> ")
    assert (facts.url, facts.file_name, facts.content_type) == (url, "My Song.mp3", "audio/mpeg")
    assert facts.size_bytes == len(songs["mp3"])
    assert facts.duration_s == pytest.approx(8.0, abs=0.1)
    assert facts.kept.read_bytes() == songs["mp3"]
    assert server.requests[0][1].endswith("?sig=1%2B2"), "a signature covers every byte"


def test_a_file_of_unknown_length_that_comes_quickly_is_kept_as_well(server, remote, songs):
    def chunked(request):
        request.head()
        request.body(songs["flac"])

    server.routes["/x"] = chunked
    facts = remote.inspect(server.url("/x"))
    assert facts.size_bytes == len(songs["flac"])
    assert facts.kept is not None


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "ogg", "m4a"])
def test_a_file_too_slow_to_come_whole_is_measured_by_its_ends(server, tmp_path, songs, kind):
    server.routes["/song"] = ranged(songs[kind], stall_after=len(songs[kind]) * 2 // 3)
    facts = files(tmp_path, HURRIED).inspect(server.url("/song"))
    assert facts.duration_s == pytest.approx(8.0, abs=0.2)
    assert (facts.size_bytes, facts.kept) == (len(songs[kind]), None)
    assert left_in(tmp_path) == []


def test_a_duration_that_cannot_be_seen_in_time_stays_open(server, tmp_path, songs):
    server.routes["/song"] = in_turn(
        ranged(songs["m4a"], stall_after=len(songs["m4a"]) * 2 // 3), whole(songs["m4a"])
    )
    facts = files(tmp_path, HURRIED).inspect(server.url("/song"))
    assert (facts.duration_s, facts.size_bytes) == (None, len(songs["m4a"]))
    assert server.asked("Range")[1].startswith("bytes=")


def test_an_endless_stream_is_left_open_at_inspection_and_capped_at_the_fetch(
    server, remote, tmp_path
):
    server.routes["/radio"] = endless(b"\xff\xfb\x90\x64" + bytes(413))
    limits = RemoteLimits(max_bytes=1 << 40, head_bytes=1 << 10)
    facts = files(tmp_path, limits).inspect(server.url("/radio"), budget_s=0.5)
    assert (facts.duration_s, facts.size_bytes, facts.kept) == (None, None, None)
    with pytest.raises(FileTooLarge) as caught:
        fetched(remote, server.url("/radio"), tmp_path)
    assert caught.value.max_size_bytes == 3 << 20 < caught.value.actual_size_bytes
    assert left_in(tmp_path) == []


def test_a_drip_uses_up_the_budget_and_no_more(server, tmp_path, songs):
    server.routes["/drip"] = dripping(songs["mp3"], 0.05)
    begun = time.monotonic()
    with pytest.raises(SourceUrlUnreachable, match="too slowly"):
        files(tmp_path, RemoteLimits()).inspect(server.url("/drip"), budget_s=0.5)
    assert time.monotonic() - begun < 2
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(("seconds", "error"), [(2.0, AudioTooShort), (9.0, AudioTooLong)])
def test_a_song_of_another_length_than_allowed_is_refused(server, tmp_path, seconds, error):
    file = io.BytesIO()
    write_pcm(file, tones(seconds), format="WAV")
    server.routes["/s"] = whole(file.getvalue())
    with pytest.raises(error) as caught:
        files(tmp_path, RemoteLimits(max_duration_s=8)).inspect(server.url("/s"))
    assert caught.value.actual_duration_s == seconds
    assert left_in(tmp_path) == []


# --------------------------------------------------------------------------- what is refused

PAGE = b"<!DOCTYPE html><title>Song</title>"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (whole(b"x", Content_Type="text/html; charset=utf-8"), "web page.*direct link"),
        (whole(b"{}", Content_Type="application/json"), "JSON"),
        (whole(b"{}", Content_Type="application/problem+json"), "JSON"),
        (whole(PAGE, Content_Type="audio/mpeg"), "web page"),
        (whole(b'{"error": "no"}' + b" " * 999, Content_Type="audio/mpeg"), "JSON"),
        (whole(b"#EXTM3U\nhttp://127.0.0.1/x\n", Content_Type="audio/mpeg"), "playlist"),
        (whole(b"\xef\xbb\xbf[playlist]\nFile1=http://x/\n"), "playlist"),
        (whole(b"ffconcat version 1.0\nfile x\n"), "playlist"),
        (whole(b'<?xml version="1.0"?><playlist version="1">'), "playlist"),
        (whole(b"http://127.0.0.1/a.mp3\n"), "text"),
        (whole(b""), "empty"),
        (whole(bytes(2000)), "damaged"),
        (whole(b"x", Content_Encoding="gzip"), "compressed"),
    ],
)
def test_what_is_no_audio_is_refused_by_what_it_is(server, remote, tmp_path, behaviour, words):
    server.routes["/song.mp3"] = behaviour
    with pytest.raises(NotAudio, match=words) as caught:
        remote.inspect(server.url("/song.mp3?token=secret"))
    assert "secret" not in caught.value.message
    assert str(tmp_path) not in caught.value.message
    assert left_in(tmp_path) == []


def test_the_fetch_refuses_pages_and_playlists_too(server, remote, tmp_path):
    server.routes["/page"] = whole(PAGE)
    server.routes["/song.mp3"] = whole(b"#EXTM3U\n#EXTINF:1,x\nfile:///etc/passwd\n" * 100)
    for path in ("/page", "/song.mp3"):
        with pytest.raises(NotAudio):
            fetched(remote, server.url(path), tmp_path)
    assert left_in(tmp_path) == []


def test_a_length_above_the_limit_is_believed_before_the_body(server, remote):
    server.routes["/big"] = lambda request: request.head(Content_Length=10 << 20)
    with pytest.raises(FileTooLarge, match=r"10\.0 MiB.*3 MiB") as caught:
        remote.inspect(server.url("/big"))
    assert caught.value.actual_size_bytes == 10 << 20


@pytest.mark.parametrize("promised", [100, 10**6])
def test_a_length_that_is_a_lie_ends_in_a_clear_error(server, remote, songs, promised):
    def lie(request):
        request.head(Content_Length=promised)
        request.body(songs["mp3"][:5000])

    server.routes["/lie"] = lie
    with pytest.raises((SourceUrlUnreachable, NotAudio)):
        remote.inspect(server.url("/lie"))


@pytest.mark.parametrize("code", [204, 401, 403, 404, 410, 500])
def test_another_status_than_success_is_named(server, remote, code):
    server.routes["/s"] = status(code)
    with pytest.raises(SourceUrlUnreachable, match=str(code)):
        remote.inspect(server.url("/s"))


def test_a_signed_link_that_allows_nothing_but_get_is_enough(server, remote, songs):
    server.routes["/s"] = whole(songs["mp3"])
    assert remote.inspect(server.url("/s")).kept is not None
    assert [method for method, _, _ in server.requests] == ["GET"]


# ------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "localhost", "169.254.1.1"]
)
def test_an_address_that_shows_itself_as_inner_is_invalid(tmp_path, host):
    remote = files(tmp_path, policy=AddressPolicy())
    for call in (remote.inspect, lambda url: fetched(remote, url, tmp_path)):
        with pytest.raises(InvalidSourceUrl, match="open internet"):
            call(f"http://{host}/song.mp3")


def test_another_port_than_the_webs_is_invalid(tmp_path):
    with pytest.raises(InvalidSourceUrl):
        files(tmp_path, policy=AddressPolicy()).inspect("http://files.example:6379/x")


def test_a_name_that_leads_inside_and_one_that_leads_nowhere_look_the_same(tmp_path):
    def unknown(*_):
        raise OSError("no such name")

    said = []
    for resolve in (unknown, lambda *_: ["10.0.0.1"], lambda *_: ["1.1.1.1", "127.0.0.1"]):
        remote = files(tmp_path, policy=AddressPolicy(), resolve=resolve)
        with pytest.raises(SourceUrlUnreachable) as caught:
            remote.inspect("http://name.example/song.mp3")
        said.append((type(caught.value), caught.value.message))
    assert len(set(said)) == 1
    assert "10.0.0.1" not in said[0][1]


def test_a_redirect_inside_is_not_followed(server, tmp_path):
    server.routes["/away"] = status(302, Location=f"http://127.0.0.2:{server.port}/secret")
    remote = files(tmp_path, policy=AddressPolicy.parse(("127.0.0.1/32",)))
    with pytest.raises(SourceUrlUnreachable, match="open internet"):
        remote.inspect(server.url("/away"))
    assert [path for _, path, _ in server.requests] == ["/away"]


def test_a_second_answer_of_the_name_server_changes_nothing(server, tmp_path, songs):
    server.routes["/s"] = whole(songs["mp3"])
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    remote = files(tmp_path, resolve=lambda *_: next(answers))
    assert remote.inspect(server.url("/s", "rebind.example")).kept is not None


# ------------------------------------------------------------------------------- the fetch


def test_a_fetched_file_has_its_ending_and_its_bytes(server, remote, tmp_path, songs):
    server.routes["/s"] = whole(
        songs["ogg"], Content_Disposition='attachment; filename="../../x.ogg"'
    )
    told = []
    (tmp_path / "job").mkdir()
    path = remote.fetch(server.url("/s"), tmp_path / "job", told.append)
    assert path == tmp_path / "job" / "source.ogg"
    assert path.read_bytes() == songs["ogg"]
    assert told[-1] == 1.0


def test_what_breaks_off_is_continued_where_it_stopped(server, tmp_path, songs):
    content = songs["mp3"]
    server.routes["/s"] = in_turn(broken_off(content, 5000, ETag='"one"'), ranged(content))
    naps = []
    path = fetched(files(tmp_path, naps=naps), server.url("/s"), tmp_path)
    assert path.read_bytes() == content
    assert server.asked("Range") == [None, "bytes=5000-"]
    assert server.asked("If-Range") == [None, '"one"']
    assert naps == [2.0]


@pytest.mark.parametrize("second", ["changed", "without ranges", "wrong place", "not satisfiable"])
def test_a_server_that_cannot_continue_starts_anew(server, tmp_path, songs, second):
    content = songs["mp3"]

    def wrong_place(request):
        request.head(206, Content_Length=10, Content_Range=f"bytes 90-99/{len(content)}")
        request.body(content[90:100])

    answers = {
        "changed": ranged(content, '"two"'),
        "without ranges": whole(content),
        "wrong place": wrong_place,
        "not satisfiable": status(416),
    }
    server.routes["/s"] = in_turn(
        broken_off(songs["wav"], 5000, ETag='"one"'), answers[second], ranged(content)
    )
    assert fetched(files(tmp_path), server.url("/s"), tmp_path).read_bytes() == content


def test_without_a_tag_nothing_is_continued(server, tmp_path, songs):
    server.routes["/s"] = in_turn(broken_off(songs["mp3"], 5000), whole(songs["mp3"]))
    fetched(files(tmp_path), server.url("/s"), tmp_path)
    assert server.asked("Range") == [None, None]


@pytest.mark.parametrize("code", [408, 429, 500, 503])
def test_a_server_in_trouble_is_asked_four_times(server, tmp_path, code):
    server.routes["/s"], naps = status(code), []
    with pytest.raises(SourceUrlUnreachable, match=str(code)):
        fetched(files(tmp_path, naps=naps), server.url("/s"), tmp_path)
    assert naps == [2.0, 5.0, 10.0]


@pytest.mark.parametrize(("said", "naps_wanted"), [("7", [7.0, 5.0, 10.0]), ("3600", [])])
def test_the_pause_a_server_asks_for_is_kept_if_it_is_short(server, tmp_path, said, naps_wanted):
    server.routes["/s"], naps = in_turn(status(503, Retry_After=said), status(503)), []
    with pytest.raises(SourceUrlUnreachable):
        fetched(files(tmp_path, naps=naps), server.url("/s"), tmp_path)
    assert naps == naps_wanted


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_clear_no_is_not_asked_again(server, tmp_path, code):
    server.routes["/s"] = status(code)
    with pytest.raises(SourceUrlUnreachable, match=str(code)):
        fetched(files(tmp_path), server.url("/s"), tmp_path)
    assert len(server.requests) == 1


def test_the_time_for_all_attempts_is_limited(server, tmp_path, songs):
    server.routes["/s"] = dripping(songs["mp3"], 0.02)
    limits = RemoteLimits(total_s=0.3)
    begun = time.monotonic()
    with pytest.raises(SourceUrlUnreachable, match="in time"):
        fetched(files(tmp_path, limits), server.url("/s"), tmp_path)
    assert time.monotonic() - begun < 2


def test_whoever_hears_the_progress_can_end_it(server, remote, tmp_path, songs):
    server.routes["/s"] = whole(songs["wav"])
    (tmp_path / "job").mkdir()

    def stop(_fraction):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        remote.fetch(server.url("/s"), tmp_path / "job", stop)
    assert left_in(tmp_path) == []


def test_an_index_far_behind_the_sound_is_found(server, tmp_path, songs):
    """An hour's index is longer than any tail one would guess; the boxes say where it begins."""
    content = songs["m4a"]
    position = content.index(b"moov") - 4
    grown = content + struct.pack(">I4s", 300 << 10, b"free") + bytes((300 << 10) - 8)
    server.routes["/s"] = ranged(grown)
    assert position > 1000
    facts = files(tmp_path, RemoteLimits()).inspect(server.url("/s"))
    assert facts.duration_s == pytest.approx(8.0, abs=0.2)
