"""A child process that misbehaves on request; the other end of ``jobs.children`` is real."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time

from stemwright.entry.child import Channel, _limit_memory, serve
from stemwright.errors import AudioTooShort


def echo(arguments, report):
    report("echo", 0.5)
    return {"said": arguments["say"], "pid": os.getpid()}


def refuse(arguments, _report):
    raise AudioTooShort(f"{arguments['song']} is short.", min_duration_s=5, actual_duration_s=1)


def die(_arguments, _report):
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(arguments, report):
    try:
        os.close(os.open(arguments["mark"], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return echo({"say": "alive"}, report)
    return die(arguments, report)


def wait(_arguments, report):
    report("wait", 0.1)
    time.sleep(600)


def babble(_arguments, report):
    for k in itertools.count():
        report("babble", k / 100)


def hoard(_arguments, _report):
    _limit_memory(1_000)
    return {"said": len(bytearray(2 << 30))}


def chatter(_arguments, _report):
    print("a library says hello", flush=True)  # noqa: T201  # as some do
    os.write(1, b"even so\n")
    return {"said": "done"}


if __name__ == "__main__":
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123  # as long as the process
    serve(
        Channel(lambda: ("a model",)),
        {
            "echo": echo,
            "refuse": refuse,
            "die": die,
            "die_once": die_once,
            "wait": wait,
            "babble": babble,
            "hoard": hoard,
            "chatter": chatter,
        },
    )
