"""Which video is the song, decided by what a list of results tells."""

import pytest

from stemwright.errors import NoMatchingAudio
from stemwright.features.downloads.matching import (
    Candidate,
    Wanted,
    accepted,
    judge,
    ranked,
)

SONG = Wanted(title="Blue Sea", artist="The Band, A Guest", duration_s=200)


def video(title="The Band - Blue Sea", duration_s=200.0, channel="", **more):
    return Candidate(
        video_id=more.pop("video_id", "aaaaaaaaaaa"),
        title=title,
        duration_s=duration_s,
        channel=channel,
        **more,
    )


@pytest.mark.parametrize(
    "candidate",
    [
        video(),
        video(duration_s=203),
        video(duration_s=215),
        video("Blue Sea", channel="The Band - Topic"),
        video("Blue Sea", channel="The Band"),
        video("Blue Sea (Official Video)", channel="thebandVEVO"),
        video("BLUE  SEA | the band [HD]"),
        video("Blue Sea - The Band (Lyrics)", duration_s=190),
    ],
    ids=lambda it: f"{it.title} {it.duration_s:g}",
)
def test_the_song_is_taken_in_whatever_dress(candidate):
    assert judge(SONG, candidate).is_accepted


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        (video(duration_s=231), "31 s longer"),
        (video(duration_s=169), "31 s shorter"),
        (video(duration_s=None), "nobody says how long it is"),
        (video("The Band - Red Sky"), "it is called something else"),
        (video("The Band - Blue Sea (Live in Rome)"), "another version (live)"),
        (video("Blue Sea - The Band (cover by Me)"), "another version (cover)"),
        (video("Blue Sea KARAOKE The Band"), "another version (karaoke)"),
        (video("The Band - Blue Sea (Somebody Remix)"), "another version (remix)"),
        (video("The Band - Blue Sea (sped up)"), "another version (sped up)"),
        (video(is_live=True), "it is a live stream"),
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
def test_what_is_not_the_song_is_refused_and_says_why(candidate, why):
    judged = judge(SONG, candidate)

    assert not judged.is_accepted
    assert judged.told()["refused"] == why


@pytest.mark.parametrize(
    ("title", "called"),
    [
        ("Blue Sea - 2011 Remaster", "The Band - Blue Sea"),
        ("Blue Sea - Remastered 2009", "The Band - Blue Sea"),
        ("Blue Sea (feat. Somebody Else)", "The Band - Blue Sea"),
        ("Blue Sea - Live at Home", "The Band - Blue Sea (Live at Home)"),
        ("Blue Sea - Acoustic", "Blue Sea (acoustic) The Band"),
        ("Blue Sea - Somebody Remix", "The Band - Blue Sea (Somebody Remix)"),
        ("Café del Mar", "The Band: Cafe Del Mar"),
        ("Don't Stop", "The Band - Dont Stop"),
        ("青い海", "The Band - 青い海"),
    ],
)
def test_titles_are_compared_as_people_read_them(title, called):
    song = Wanted(title=title, artist="The Band", duration_s=200)

    assert judge(song, video(called)).is_accepted


def test_of_a_remix_the_original_is_not_taken():
    song = Wanted(title="Blue Sea - Somebody Remix", artist="The Band", duration_s=200)

    assert judge(song, video("The Band - Blue Sea Somebody")).refused is not None


def test_a_video_as_long_as_the_song_comes_before_one_that_is_not():
    near = video(video_id="near", duration_s=201)
    far = video(video_id="far", duration_s=220, channel="The Band")

    assert [it.candidate.video_id for it in ranked(SONG, [far, near])] == ["near", "far"]


def test_of_equals_the_first_that_was_found_wins_and_none_is_judged_twice():
    first, second = video(video_id="first"), video(video_id="second")

    assert [it.candidate.video_id for it in ranked(SONG, [first, second, first])] == [
        "first",
        "second",
    ]


def test_the_labels_own_upload_comes_before_another_of_the_same_length():
    anyone = video(video_id="anyone", channel="Uploads of Mine")
    label = video("Blue Sea", video_id="label", channel="The Band - Topic")

    assert ranked(SONG, [anyone, label])[0].candidate.video_id == "label"


def test_what_was_found_by_the_recordings_code_comes_first():
    song = Wanted(title="Blue Sea", artist="The Band", duration_s=200, isrc="XX0000000001")
    other, same = video(video_id="other"), video(video_id="same", by_code=True)

    best = ranked(song, [other, same])[0]
    assert best.candidate.video_id == "same"
    assert "found by its code XX0000000001" in best.reasons


def test_a_song_of_unknown_length_is_known_by_its_name_and_artist_only():
    song = Wanted(title="Blue Sea", artist="The Band")

    assert judge(song, video(duration_s=None)).is_accepted
    assert not judge(song, video("Blue Sea", duration_s=None)).is_accepted
    assert not judge(song, video("Red Sky")).is_accepted


def test_the_choice_explains_itself():
    told = judge(SONG, video("Blue Sea", channel="The Band - Topic")).told()

    assert told["reasons"] == [
        "as long as the song",
        "called as the song",
        "names The Band",
        "from the label's own channel",
    ]
    assert told["refused"] is None


def test_a_refusal_lists_what_was_found():
    judged = ranked(SONG, [video("Red Sky"), video(video_id="bbbbbbbbbbb", duration_s=500)])

    with pytest.raises(NoMatchingAudio) as refusal:
        accepted(SONG, judged)

    assert refusal.value.message.startswith(
        "No matching audio found for 'Blue Sea' by The Band (3:20). Found were: "
    )
    assert refusal.value.candidates == [
        "'Red Sky' (3:20), https://youtu.be/aaaaaaaaaaa: it is called something else",
        "'The Band - Blue Sea' (8:20), https://youtu.be/bbbbbbbbbbb: 300 s longer",
    ]


def test_nothing_found_is_said_so():
    with pytest.raises(NoMatchingAudio, match="Nothing was found at all"):
        accepted(SONG, [])


def test_only_the_first_artist_is_searched_for():
    assert SONG.query == "The Band Blue Sea"
