"""The protocol of Phoenix Channels, frame by frame."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.web.feeds import Message
from stemwright.web.phoenix import BadFrame, Conversation, Join, Left, Send, version_of

TOPIC = "jobs:6f0e"
PROGRESS = Message("job:progress", '{"progress":45}')


def conversation(version=2, **options):
    return Conversation(version, is_known=lambda topic: topic.startswith("jobs:"), **options)


def say(talk, *frame):
    """Send a frame, and what is to be sent back; whoever asks to join is let in."""
    return answered(talk, talk.hear(json.dumps(frame)))


def say_v1(talk, **frame):
    return answered(talk, talk.hear(json.dumps({"payload": {}, **frame})))


def answered(talk, actions):
    said = []
    for action in actions:
        if isinstance(action, Join):
            said += answered(talk, talk.joined(action))
        elif isinstance(action, Send):
            said.append(json.loads(action.text))
    return said


def reply(join_ref, ref, topic, status="ok", **response):
    return [join_ref, ref, topic, "phx_reply", {"status": status, "response": response}]


@pytest.fixture
def talk():
    """A conversation that has joined."""
    talk = conversation()
    say(talk, "5", "5", TOPIC, "phx_join", {})
    return talk


def test_a_heartbeat_is_answered():
    said = say(conversation(), None, "12", "phoenix", "heartbeat", {})

    assert said == [reply(None, "12", "phoenix")]


def test_a_join_is_answered_with_both_references():
    assert say(conversation(), "5", "5", TOPIC, "phx_join", {}) == [reply("5", "5", TOPIC)]


@pytest.mark.parametrize("ref", ["5", 5, 5.5, None, "", "ü", "\ud800", 10**30])
def test_references_come_back_as_they_were_sent(ref):
    [[join_ref, again, *_]] = say(conversation(), ref, ref, TOPIC, "phx_join", {})

    assert (join_ref, again) == (ref, ref)
    assert type(join_ref) is type(again) is type(ref)


def test_a_refused_join_says_why_and_leaves_nothing():
    talk = conversation()
    [join] = talk.hear(json.dumps(["5", "5", TOPIC, "phx_join", {}]))

    said = answered(talk, talk.refused(join, "not found"))

    assert said == [reply("5", "5", TOPIC, "error", reason="not found")]
    assert talk.push(TOPIC, PROGRESS) is None


@pytest.mark.parametrize("event", ["phx_join", "ping", "heartbeat"])
@pytest.mark.parametrize("topic", ["nope:1", "phoenix!", ""])
def test_an_unknown_topic_is_unmatched(topic, event):
    said = say(conversation(), "8", "8", topic, event, {})

    assert said == [reply(None, "8", topic, "error", reason="unmatched topic")]


def test_a_push_on_a_topic_not_joined_is_unmatched():
    said = say(conversation(), "5", "8", TOPIC, "ping", {})

    assert said == [reply(None, "8", TOPIC, "error", reason="unmatched topic")]


@pytest.mark.parametrize("join_ref", ["5", None])
def test_a_ping_is_answered(talk, join_ref):
    assert say(talk, join_ref, "9", TOPIC, "ping", {}) == [reply(join_ref, "9", TOPIC)]


def test_an_unknown_event_is_refused_and_the_channel_stays(talk):
    said = say(talk, "5", "9", TOPIC, "dance", {})

    assert said == [reply("5", "9", TOPIC, "error", reason="unknown event")]
    assert say(talk, "5", "10", TOPIC, "ping", {}) == [reply("5", "10", TOPIC)]


def test_events_carry_the_reference_of_the_join(talk):
    pushed = json.loads(talk.push(TOPIC, PROGRESS))

    assert pushed == ["5", None, TOPIC, "job:progress", {"progress": 45}]


def test_a_leave_is_answered_before_the_channel_closes(talk):
    said = say(talk, "5", "13", TOPIC, "phx_leave", {})

    assert said == [reply("5", "13", TOPIC), ["5", "5", TOPIC, "phx_close", {}]]
    assert talk.push(TOPIC, PROGRESS) is None


def test_a_leave_tells_that_nobody_listens_any_more(talk):
    *_, left = talk.hear(json.dumps(["5", "13", TOPIC, "phx_leave", {}]))

    assert left == Left(TOPIC)


def test_a_leave_of_what_was_not_joined_is_fine():
    assert say(conversation(), "5", "13", TOPIC, "phx_leave", {}) == [reply("5", "13", TOPIC)]


def test_a_topic_left_can_be_joined_again(talk):
    say(talk, "5", "13", TOPIC, "phx_leave", {})

    assert say(talk, "14", "14", TOPIC, "phx_join", {}) == [reply("14", "14", TOPIC)]
    assert json.loads(talk.push(TOPIC, PROGRESS))[0] == "14"


def test_a_second_join_replaces_the_first(talk):
    said = say(talk, "7", "7", TOPIC, "phx_join", {})

    assert said == [reply("7", "7", TOPIC), ["5", "5", TOPIC, "phx_close", {}]]
    assert json.loads(talk.push(TOPIC, PROGRESS))[0] == "7"


def test_a_second_join_that_is_refused_ends_the_first(talk):
    [join] = talk.hear(json.dumps(["7", "7", TOPIC, "phx_join", {}]))

    said = answered(talk, talk.refused(join, "not found"))

    assert said[1:] == [["5", "5", TOPIC, "phx_close", {}]]
    assert talk.push(TOPIC, PROGRESS) is None


def test_a_second_join_under_the_same_reference_closes_nothing(talk):
    assert say(talk, "5", "5", TOPIC, "phx_join", {}) == [reply("5", "5", TOPIC)]


@pytest.mark.parametrize("event", ["ping", "phx_leave", "dance"])
@pytest.mark.parametrize("stale", ["4", 5, ""])
def test_what_belongs_to_an_earlier_join_is_ignored(talk, stale, event):
    assert say(talk, stale, "9", TOPIC, event, {}) == []
    assert talk.push(TOPIC, PROGRESS) is not None


def test_a_channel_that_went_wrong_is_told_so(talk):
    said = answered(talk, talk.crashed(TOPIC))

    assert said == [["5", "5", TOPIC, "phx_error", {"reason": "channel_crash"}]]


def test_more_than_a_hundred_channels_are_refused():
    talk = conversation()
    for number in range(100):
        say(talk, str(number), str(number), f"jobs:{number}", "phx_join", {})

    refused = say(talk, "100", "100", "jobs:100", "phx_join", {})
    again = say(talk, "101", "101", "jobs:99", "phx_join", {})
    say(talk, "0", "102", "jobs:0", "phx_leave", {})

    assert refused == [reply("100", "100", "jobs:100", "error", reason="too many channels joined")]
    assert again[0] == reply("101", "101", "jobs:99")
    assert say(talk, "103", "103", "jobs:100", "phx_join", {}) == [reply("103", "103", "jobs:100")]


def test_elements_beyond_the_fifth_are_ignored():
    said = say(conversation(), None, "1", "phoenix", "heartbeat", {}, "more", 6)

    assert said == [reply(None, "1", "phoenix")]


@pytest.mark.parametrize("payload", [None, [], "text", 7])
def test_whatever_stands_for_a_payload_is_taken(payload):
    assert say(conversation(), "5", "5", TOPIC, "phx_join", payload) == [reply("5", "5", TOPIC)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{}",
        "7",
        "null",
        "[]",
        '[null,"1","phoenix","heartbeat"]',
        '[null,"1",null,"heartbeat",{}]',
        '[null,"1","phoenix",4,{}]',
        '[null,{},"phoenix","heartbeat",{}]',
        '[true,"1","phoenix","heartbeat",{}]',
        '[1e999,"1","phoenix","heartbeat",{}]',
        '[NaN,"1","phoenix","heartbeat",{}]',
        "[" * 60_000,
        "9" * 10_000,
        '{"topic":"phoenix","event":"heartbeat","ref":"1","payload":{}}',
    ],
)
def test_what_is_no_frame_is_told_from_one(text):
    with pytest.raises(BadFrame):
        conversation().hear(text)


@given(
    st.text()
    | st.lists(st.none() | st.text() | st.integers() | st.dictionaries(st.text(), st.text())).map(
        json.dumps
    )
)
def test_any_text_is_answered_or_is_no_frame(text):
    for version in (1, 2):
        try:
            conversation(version).hear(text)
        except BadFrame:
            continue


# ------------------------------------------------------------------------------------ version 1


def v1_reply(ref, topic, status="ok", **response):
    payload = {"status": status, "response": response}
    return {"topic": topic, "event": "phx_reply", "ref": ref, "payload": payload}


def test_version_1_speaks_objects_without_a_join_reference():
    talk = conversation(1)

    joined = say_v1(talk, topic=TOPIC, event="phx_join", ref="1", join_ref="1")
    pinged = say_v1(talk, topic=TOPIC, event="ping", ref="2")
    pushed = json.loads(talk.push(TOPIC, PROGRESS))

    assert joined == [v1_reply("1", TOPIC)]
    assert pinged == [v1_reply("2", TOPIC)]
    assert pushed == {
        "topic": TOPIC,
        "event": "job:progress",
        "ref": None,
        "payload": {"progress": 45},
    }


def test_version_1_has_heartbeats_leaves_and_errors():
    talk = conversation(1)
    say_v1(talk, topic=TOPIC, event="phx_join", ref="1")

    beaten = say_v1(talk, topic="phoenix", event="heartbeat", ref=2)
    unmatched = say_v1(talk, topic="nope:1", event="phx_join", ref="3")
    left = say_v1(talk, topic=TOPIC, event="phx_leave", ref="4")

    assert beaten == [v1_reply(2, "phoenix")]
    assert unmatched == [v1_reply("3", "nope:1", "error", reason="unmatched topic")]
    assert left == [
        v1_reply("4", TOPIC),
        {"topic": TOPIC, "event": "phx_close", "ref": "1", "payload": {}},
    ]


def test_version_1_cannot_tell_instances_apart_so_a_second_join_closes_nothing():
    talk = conversation(1)
    say_v1(talk, topic=TOPIC, event="phx_join", ref="1")

    assert say_v1(talk, topic=TOPIC, event="phx_join", ref="2") == [v1_reply("2", TOPIC)]


@pytest.mark.parametrize(
    "text",
    [
        '[null,"1","phoenix","heartbeat",{}]',
        '{"topic":"phoenix","event":"heartbeat","ref":"1"}',
        '{"event":"heartbeat","ref":"1","payload":{}}',
        '{"topic":7,"event":"heartbeat","ref":"1","payload":{}}',
    ],
)
def test_version_1_takes_nothing_but_its_objects(text):
    with pytest.raises(BadFrame):
        conversation(1).hear(text)


@pytest.mark.parametrize(
    ("vsn", "version"),
    [
        (None, 1),
        ("1.0.0", 1),
        ("1.0.7", 1),
        ("2.0.0", 2),
        ("2.0.13", 2),
        ("3.0.0", None),
        ("2.1.0", None),
        ("2.0", None),
        ("2", None),
        ("", None),
        ("two", None),
        ("2.0.0-rc", None),
        ("2.0.²", None),
    ],
)
def test_version_follows_from_the_parameter(vsn, version):
    assert version_of(vsn) == version


# --------------------------------------------------------------------------------------- binary


def binary(join_ref, ref, topic, event, data=b"\x01\x02", kind=0):
    texts = [it.encode() for it in (join_ref, ref, topic, event)]
    return bytes([kind, *map(len, texts)]) + b"".join(texts) + data


def test_a_binary_push_is_refused_by_its_references(talk):
    [sent] = talk.hear_binary(binary("5", "9", TOPIC, "ping"))

    assert json.loads(sent.text) == reply(
        "5", "9", TOPIC, "error", reason="binary payload not supported"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x00\x01\x01\x01\x01",
        b"\x00\x01\x00\x00\x00\xff",
        binary("5", "9", TOPIC, "ping", kind=1),
        binary("5", "9", TOPIC, "ping", kind=2),
    ],
)
def test_binary_that_is_no_push_is_told_from_one(talk, data):
    with pytest.raises(BadFrame):
        talk.hear_binary(data)
