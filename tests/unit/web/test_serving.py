from datetime import UTC, datetime, timedelta

import pytest

from stemwright.web.serving import Facts, Selection, select

FACTS = Facts(100, '"tag"', datetime(2030, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC))
WHOLE = Selection(200, 0, 100)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-9", Selection(206, 0, 10)),
        ("bytes=90-", Selection(206, 90, 100)),
        ("bytes=-10", Selection(206, 90, 100)),
        ("bytes=-1000", Selection(206, 0, 100)),
        ("bytes=99-1000", Selection(206, 99, 100)),
        ("BYTES= 0-0 ", Selection(206, 0, 1)),
        ("bytes=100-", Selection(416, 0, 0)),
        ("bytes=-0", Selection(416, 0, 0)),
    ],
)
def test_a_range_selects_a_part(asked, expected):
    assert select({"range": asked}, FACTS) == expected


@pytest.mark.parametrize(
    "asked",
    ["bytes=-", "bytes=5-4", "bytes=a-b", "items=0-1", "bytes=0-1,4-5", "", f"bytes={'9' * 20}-"],
)
def test_what_is_no_single_range_is_not_heard(asked):
    assert select({"range": asked}, FACTS) == WHOLE


def test_no_part_of_nothing_can_be_had():
    empty = Facts(0, '"tag"', FACTS.modified_at)
    assert select({"range": "bytes=0-"}, empty).status == 416
    assert select({}, empty) == Selection(200, 0, 0)


@pytest.mark.parametrize("tags", ['"tag"', 'W/"tag"', '"a", "tag"', "*"])
def test_a_file_the_client_has_is_not_sent(tags):
    assert select({"if-none-match": tags, "range": "bytes=0-1"}, FACTS).status == 304


def test_the_tag_counts_before_the_time():
    headers = {"if-none-match": '"other"', "if-modified-since": FACTS.last_modified}
    assert select(headers, FACTS) == WHOLE


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Tue, 01 Jan 2030 12:00:00 GMT", 304),
        ("Tue, 01 Jan 2030 11:59:59 GMT", 200),
        ("Tue, 01 Jan 2030 12:00:00", 304),
        ("yesterday", 200),
        ("", 200),
    ],
)
def test_a_file_not_changed_since_is_not_sent(since, status):
    assert select({"if-modified-since": since}, FACTS).status == status


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('"tag"', 206),
        ('W/"tag"', 200),
        ('"other"', 200),
        ("Tue, 01 Jan 2030 12:00:00 GMT", 206),
        ("Tue, 01 Jan 2030 12:00:01 GMT", 200),
    ],
)
def test_a_part_is_sent_only_of_the_file_the_client_knows(condition, status):
    assert select({"range": "bytes=0-9", "if-range": condition}, FACTS).status == status


def test_the_time_as_a_header_is_in_gmt():
    east = FACTS.modified_at.astimezone(tz=None) + timedelta()
    assert Facts(1, '"t"', east).last_modified == "Tue, 01 Jan 2030 12:00:00 GMT"


@pytest.mark.parametrize("said", ["bytes=5-2", "bytes=-", "bytes=a-b", "bytes", "items=0-1", ""])
def test_a_strict_server_refuses_ranges_that_make_no_sense(said):
    assert select({"range": said}, FACTS, strict=True).status == 416
    assert select({"range": said}, FACTS).status == 200


@pytest.mark.parametrize(
    ("said", "status"), [("bytes=0-1", 206), ("bytes=-2", 206), ("bytes=0-1,3-4", 200)]
)
def test_a_strict_server_serves_the_others_alike(said, status):
    assert select({"range": said}, FACTS, strict=True).status == status


def test_where_only_the_tag_tells_no_time_does():
    timeless = Facts(100, '"tag"', None)
    later = "Fri, 01 Jan 2100 00:00:00 GMT"

    assert timeless.last_modified is None
    assert select({"if-modified-since": later}, timeless).status == 200
    assert select({"range": "bytes=0-9", "if-range": later}, timeless).status == 200
    assert select({"range": "bytes=0-9", "if-range": '"tag"'}, timeless).status == 206
