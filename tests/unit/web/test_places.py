"""Places that no one owner may have all of."""

import anyio
import pytest

from stemwright.web.places import Places


class Room:
    """Who came in, in their order; all stay until ``door`` opens."""

    def __init__(self, count, each):
        self.places = Places(count, each=each)
        self.door = anyio.Event()
        self.inside = []

    async def visit(self, owner):
        async with self.places.one(owner):
            self.inside.append(owner)
            await self.door.wait()


async def visited(count, each, owners):
    """Who is inside when all have tried, and when all had their turn."""
    room = Room(count, each)
    async with anyio.create_task_group() as group:
        for owner in owners:
            group.start_soon(room.visit, owner)
        await anyio.wait_all_tasks_blocked()
        first = sorted(room.inside)
        room.door.set()
    return first, sorted(room.inside)


def test_one_owner_leaves_places_for_others():
    first, everybody = anyio.run(visited, 4, 2, "aaaaab")

    assert first == ["a", "a", "b"]
    assert everybody == list("aaaaab")


def test_there_are_no_more_places_than_there_are():
    first, everybody = anyio.run(visited, 2, 2, "abc")

    assert len(first) == 2
    assert everybody == ["a", "b", "c"]


def test_who_gives_up_is_forgotten():
    async def give_up():
        places = Places(1, each=1)
        async with places.one("a"):
            with pytest.raises(TimeoutError), anyio.fail_after(0.01):
                async with places.one("b"):
                    raise AssertionError("there is no place")
        return places

    assert anyio.run(give_up)._owners == {}
