"""Connections that are ended from outside."""

import pytest

from stemwright.web.live import GOING_AWAY, RESTARTING, Evictions, LiveConnections, TooMany
from support.live_server import wait_until


def test_connections_of_one_caller_are_ended_and_no_others():
    live, codes = LiveConnections(), []
    for caller in ("ann", "ann", "bob"):
        live.enter(caller, lambda code, caller=caller: codes.append((caller, code)))
    ended = live.end_of({"ann", "somebody"})

    assert ended == 2
    assert codes == [("ann", GOING_AWAY)] * 2


def test_there_is_room_again_when_one_leaves():
    live = LiveConnections(most_each=1)
    leave = live.enter("ann", print)
    with pytest.raises(TooMany):
        live.enter("ann", print)
    leave()
    leave()  # whoever leaves twice takes nobody else's place

    assert live.enter("ann", print)
    assert len(live) == 1


def test_who_comes_after_the_end_is_let_go_at_once():
    live, codes = LiveConnections(), []
    live.close()
    live.enter("ann", codes.append)

    assert codes == [RESTARTING]


def test_a_look_that_fails_is_told_of_once_and_made_again(caplog):
    live, codes, looks = LiveConnections(), [], []

    def unwelcome(callers):
        looks.append(callers)
        if len(looks) < 5:
            raise OSError("the database is gone")
        return callers

    live.enter("ann", codes.append)
    evictions = Evictions(live, unwelcome, every_s=0.01)
    evictions.start()
    wait_until(lambda: bool(codes), "the look that works")
    evictions.close()

    assert codes[0] == GOING_AWAY
    assert caplog.text.count("Traceback") == 1
