"""The child's own work, with another YoutubeDL."""

import json

import pytest
from yt_dlp.utils import DownloadCancelled, DownloadError, ExtractorError

from stemwright.features.imports.extractor import Order, run

URL = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
SEARCH = "ytsearch8:The Band Song"


class FakeYdl:
    """Plays one download: the filter, then the hooks, then the result."""

    def __init__(self, info, hooks=(), error=None):
        self.info, self.hooks, self.error = info, hooks, error

    def __call__(self, options):
        self.options = options
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def extract_info(self, url, download):
        assert url in {URL, SEARCH}
        if self.error is not None:
            raise self.error
        if "match_filter" in self.options and self.options["match_filter"](self.info):
            return {key: self.info[key] for key in self.info if key != "requested_downloads"}
        for status in self.hooks:
            for hook in self.options.get("progress_hooks", ()):
                hook(status)
        return self.info


def order(action="download", **more):
    limits = {"max_bytes": 1000, "max_duration_s": 600, "folder": "/nowhere"} | more
    return Order(action=action, url=URL, extractors=["youtube"], networks=[], **limits)


@pytest.fixture
def done(tmp_path):
    path = tmp_path / "source.m4a"
    path.write_bytes(b"sound")
    return {"duration": 60.0, "requested_downloads": [{"filepath": str(path)}]}


def played(info, hooks=(), error=None, **more):
    events = []
    last = run(order(**more), events.append, FakeYdl(info, hooks, error))
    return events, last


def test_a_file_that_was_written_is_the_result(done):
    _, last = played(done)
    assert last == {"event": "done", "path": done["requested_downloads"][0]["filepath"]}


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"duration": 600.5}, "too_long"),
        ({"live_status": "is_upcoming"}, "live"),
        ({"is_live": True}, "live"),
    ],
)
def test_what_the_filter_refuses_has_no_file_and_says_why(done, told, kind):
    assert played(done | told)[1]["kind"] == kind


@pytest.mark.parametrize("told", [{}, {"requested_downloads": []}, {"requested_downloads": None}])
def test_a_result_without_a_file_was_above_the_size_limit(told):
    assert played({"duration": 60, **told})[1] == {
        "event": "failed",
        "kind": "too_large",
        "size": 1001,
    }


def test_an_empty_file_is_none(done, tmp_path):
    (tmp_path / "source.m4a").write_bytes(b"")
    assert played(done)[1]["kind"] == "too_large"


def test_bytes_are_counted_while_they_come(done):
    hooks = [{"status": "downloading", "downloaded_bytes": 1001}]
    assert played(done, hooks)[1] == {"event": "failed", "kind": "too_large", "size": 1001}


@pytest.mark.parametrize(
    ("status", "fraction"),
    [
        ({"downloaded_bytes": 25, "total_bytes": 100}, 0.25),
        ({"downloaded_bytes": 25, "total_bytes": None, "total_bytes_estimate": 50.0}, 0.5),
        ({"downloaded_bytes": 25, "fragment_index": 3, "fragment_count": 4}, 0.75),
        ({"downloaded_bytes": 25}, None),
        ({"downloaded_bytes": None, "total_bytes": 100}, None),
        ({"downloaded_bytes": 300, "total_bytes": 100}, 1.0),
        ({"status": "finished"}, 1.0),
        ({}, None),
    ],
)
def test_progress_is_told_as_far_as_it_is_known(done, status, fraction):
    events, _ = played(done, [{"status": "downloading", **status}])
    assert events == [{"event": "progress", "fraction": fraction}]


def test_progress_is_told_twice_a_second_and_at_the_end(done):
    hooks = [
        {"status": "downloading", "downloaded_bytes": k, "total_bytes": 100} for k in range(100)
    ]
    events, _ = played(done, [*hooks, {"status": "finished"}])
    assert len(events) == 2


def test_a_cancellation_of_somebody_else_is_not_swallowed(done):
    with pytest.raises(DownloadCancelled):
        played(done, error=DownloadCancelled("other"))


def test_a_failure_is_told_with_its_cause():
    cause = ExtractorError("Private video", video_id="x", expected=True)
    error = DownloadError("ERROR: Private video", (type(cause), cause, None))
    assert played({}, error=error)[1] == {
        "event": "failed",
        "kind": "upstream",
        "text": "ERROR: Private video",
        "cause": "ExtractorError",
        "status": None,
    }


def test_yt_dlps_own_failures_have_no_cause():
    assert played({}, error=DownloadError("No suitable extractor"))[1]["cause"] is None


def test_a_lookup_keeps_what_is_asked_for_and_drops_the_rest():
    info = {
        "title": "A",
        "duration": 1.5,
        "formats": [{"url": "https://secret.example/", "height": 720, "format_id": "22"}],
        "subtitles": {"en": [{"url": "x"}]},
        "automatic_captions": {"de": []},
        "like_count": None,
    }
    _, last = played(info, action="lookup")
    assert last["info"] == {
        "title": "A",
        "duration": 1.5,
        "formats": [{"format_id": "22", "height": 720}],
        "subtitles": ["en"],
    }
    json.dumps(last)


@pytest.mark.parametrize("info", [None, {"_type": "playlist", "entries": []}])
def test_several_media_are_not_one(info):
    assert played(info, action="lookup")[1]["kind"] == "several"


def test_the_options_take_the_sound_as_it_is_and_nothing_from_elsewhere():
    ydl = FakeYdl({"title": "A"})
    run(order("lookup", cookies="# Netscape HTTP Cookie File\n"), [].append, ydl)
    options = ydl.options
    assert options["allowed_extractors"] == ["youtube"]
    assert options["format"] == "bestaudio/best"
    assert (options["proxy"], options["fixup"], options["noplaylist"]) == ("", "never", True)
    assert options["ffmpeg_location"] == "/nonexistent"
    assert "postprocessors" not in options
    assert "remote_components" not in options
    assert options["cookiefile"].getvalue().startswith("# Netscape"), "the file is never written"
    assert options["js_runtimes"]["deno"]["path"].endswith("deno")


def searched(found):
    ydl = FakeYdl(found)
    asked = Order(action="search", url=SEARCH, extractors=["youtube:search"], networks=[])
    return run(asked, lambda _event: None, ydl), ydl.options


def test_a_search_lists_what_is_found_and_opens_none_of_it():
    entry = {"id": "a", "title": "Song", "duration": 61.0, "channel": "Band", "ie_key": "Youtube"}
    last, options = searched({"_type": "playlist", "entries": iter([entry, None])})

    listed = {"id": "a", "title": "Song", "duration": 61.0, "channel": "Band"}
    assert last == {"event": "listed", "entries": [listed]}
    assert options["extract_flat"] is True
    assert options["allowed_extractors"] == ["youtube:search"]


@pytest.mark.parametrize("found", [None, {}, {"entries": []}])
def test_a_search_may_find_nothing(found):
    assert searched(found)[0] == {"event": "listed", "entries": []}


def test_a_list_that_does_not_end_is_cut():
    entries = ({"id": str(number)} for number in range(10_000))
    assert len(searched({"entries": entries})[0]["entries"]) == 20
