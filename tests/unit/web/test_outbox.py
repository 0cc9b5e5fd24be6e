"""What waits for a slow client."""

import asyncio

import pytest

from stemwright.web.outbox import Full, Outbox


def everything_in(outbox):
    async def take_all():
        return [await outbox.take() for _ in range(len(outbox))]

    return asyncio.run(take_all())


def test_frames_come_out_in_their_order():
    outbox = Outbox()
    for text in "abc":
        outbox.put(text)

    assert everything_in(outbox) == ["a", "b", "c"]


def test_states_that_are_out_of_date_go_first():
    outbox = Outbox(4)
    outbox.put("one: 1", state_of="one")
    outbox.put("reply")
    outbox.put("two: 1", state_of="two")
    outbox.put("one: 2", state_of="one")
    outbox.put("one: 3", state_of="one")

    assert everything_in(outbox) == ["reply", "two: 1", "one: 3"]


def test_nothing_is_left_out_while_there_is_room():
    outbox = Outbox(3)
    for number in range(3):
        outbox.put(str(number), state_of="one")

    assert everything_in(outbox) == ["0", "1", "2"]


def test_what_must_not_be_left_out_fills_it():
    outbox = Outbox(2)
    outbox.put("reply")
    outbox.put("state", state_of="one")

    with pytest.raises(Full):
        outbox.put("another")


def test_a_taker_waits_for_the_next_frame():
    async def take_what_comes():
        outbox = Outbox()
        taking = asyncio.create_task(outbox.take())
        await asyncio.sleep(0)
        outbox.put("late")
        return await taking

    assert asyncio.run(take_what_comes()) == "late"
