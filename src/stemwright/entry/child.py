"""The child process of a worker: reads work from its standard input, answers on its output.

Started as ``python -m stemwright.entry.child``; :mod:`stemwright.jobs.children` is the other end.
What it does not need for the work at hand it does not import: a child that only measures files
never loads the engine.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from stemwright.errors import StemwrightError

if TYPE_CHECKING:
    from stemwright.engine.deep_filter import DeepFilterNetwork
    from stemwright.features.separations.render import SongSeparator

    from .wiring import PrecisionName

PROBE: Final = "probe"
SEPARATE: Final = "separations.separate"
CLEAN: Final = "denoising.denoise"
ENCODE: Final = "downloads.encode"
ANALYSE: Final = "analyses.analyse"
MIX: Final = "mixes.render"
INSTALL: Final = "models.install"
_MIB: Final = 1 << 20
_PROBED_S: Final = 6.0
"""Time a probe may spend on counting where the file does not tell its length."""

Report = Callable[[str, float], None]
Arguments = dict[str, Any]
Work = Callable[[Arguments, Report], dict[str, Any]]


class Channel:
    """The pipe to the parent. Whatever a library prints goes to standard error instead."""

    def __init__(self, holds: Callable[[], Sequence[str]] = tuple) -> None:
        """``holds`` names the models in memory; the parent is told with every line."""
        self._holds = holds
        self._out: BinaryIO = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._last = ("", -1)
        self._requests: queue.SimpleQueue[Arguments] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def next(self) -> Arguments:
        """Wait for work."""
        return self._requests.get()

    def say(self, answer: dict[str, Any]) -> None:
        """Send one line."""
        line = json.dumps({**answer, "holds": list(self._holds())}).encode() + b"\n"
        with self._lock:
            self._out.write(line)
            self._out.flush()

    def report(self, phase: str, progress: float) -> None:
        """Send progress, not more often than a percent."""
        now = (phase, int(progress * 100))
        if now != self._last:
            self._last = now
            self.say({"phase": phase, "progress": progress})

    def _read(self) -> None:
        # bytes and not a buffered reader: this thread is killed while it reads
        pending = b""
        while block := os.read(0, 65536):
            *lines, pending = (pending + block).split(b"\n")
            for line in lines:
                self._requests.put(json.loads(line))
        os._exit(0)  # the parent is gone or done with us; what is at work is not wanted any more


class LoadedModels:
    """Keeps the model that was used last; another one takes its place."""

    def __init__(self) -> None:
        self._key: tuple[str, str] | None = None
        self._model: Future[SongSeparator] | None = None

    @property
    def holds(self) -> tuple[str, ...]:
        """Name of the model in memory."""
        loaded = self._model is not None and self._model.done() and not _failed(self._model)
        return (self._key[0],) if loaded and self._key is not None else ()

    def start(
        self, model: str, precision: str, stems: tuple[str, ...]
    ) -> Callable[[], SongSeparator]:
        """Begin to load a model, unless it is there; of several networks the one ``stems`` need."""
        key = (model, precision)
        if self._key != key or self._model is None or _failed(self._model):
            self._key, self._model = key, None  # two at once may be more than there is room for
            pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
            self._model = pool.submit(_load, model, precision, stems)
            pool.shutdown(wait=False)
        return self._model.result


def _load(name: str, precision: str, stems: tuple[str, ...]) -> SongSeparator:
    from stemwright.engine.catalog import find_model  # noqa: PLC0415

    from .wiring import Loading, load_separator, open_store, read_settings  # noqa: PLC0415

    settings, model = read_settings(), find_model(name)
    loading = Loading(
        open_store(settings).require(model),
        model,
        runtime=settings.runtime,
        precision="auto" if precision == "bf16" else cast("PrecisionName", precision),
        threads=settings.threads,
        stems=stems,
    )
    return load_separator(loading)


def _failed(model: Future[SongSeparator]) -> bool:
    return model.done() and model.exception() is not None


def probe(arguments: Arguments, _report: Report) -> dict[str, Any]:
    """Tell how long a file is: what it declares, else what is counted in a few seconds."""
    import time  # noqa: PLC0415

    from stemwright.audio.decode import SongFile  # noqa: PLC0415

    song = SongFile(Path(arguments["song"]))
    if song.info.frames is not None:  # a duration alone may be guessed from the size
        next(song.blocks(), None)  # declared and yet not decodable is better known now
        return {"duration_s": song.info.duration_s}
    if not arguments["count"]:
        return {"duration_s": None}
    frames, deadline = 0, time.monotonic() + _PROBED_S
    for block in song.blocks():
        frames += block.shape[1]
        if time.monotonic() > deadline:
            return {"duration_s": None}
    return {"duration_s": frames / song.info.sample_rate}


def separate(models: LoadedModels) -> Work:
    """Separation with these models."""

    def work(arguments: Arguments, report: Report) -> dict[str, Any]:
        from stemwright.features.separations.child_work import separate_song  # noqa: PLC0415
        from stemwright.features.separations.stem_work import StemWork  # noqa: PLC0415

        return separate_song(StemWork.of(arguments["work"]), models, report)

    return work


def denoise(loaded: dict[str, DeepFilterNetwork]) -> Work:
    """Cleaning of recordings; the network stays loaded, under its name."""

    def work(arguments: Arguments, report: Report) -> dict[str, Any]:
        from stemwright.engine.catalog import DENOISE_MODEL  # noqa: PLC0415
        from stemwright.features.denoising.render import denoise_file  # noqa: PLC0415

        name = DENOISE_MODEL.name
        if name not in loaded:
            loaded[name] = _denoiser()
        done = denoise_file(
            Path(arguments["song"]),
            Path(arguments["output"]),
            arguments["format"],
            network=loaded[name],
            max_duration_s=arguments["max_duration_s"],
            progress=lambda fraction: report("denoise", fraction),
        )
        return {"duration_s": done.duration_s}

    return work


def mix(arguments: Arguments, report: Report) -> dict[str, Any]:
    """Mix stems down to one file."""
    from stemwright.features.mixes.child_work import render  # noqa: PLC0415

    return render(arguments, report)


def encode(arguments: Arguments, report: Report) -> dict[str, Any]:
    """Bring a song into a format of the library."""
    from stemwright.features.downloads.child_work import encode_song  # noqa: PLC0415
    from stemwright.features.downloads.encoding_work import EncodingWork  # noqa: PLC0415

    return encode_song(EncodingWork(**arguments["work"]), report)


def analyse(arguments: Arguments, report: Report) -> dict[str, Any]:
    """Describe a song."""
    from stemwright.features.analyses.child_work import analyse_song  # noqa: PLC0415

    return analyse_song(
        Path(arguments["song"]),
        arguments["features"],
        max_duration_s=arguments["max_duration_s"],
        report=report,
    )


def install(arguments: Arguments, report: Report) -> dict[str, Any]:
    """Install a model."""
    from .installing import install as install_model  # noqa: PLC0415

    return install_model(arguments, report)


def _denoiser() -> DeepFilterNetwork:
    from stemwright.engine.catalog import DENOISE_MODEL  # noqa: PLC0415

    from .wiring import load_denoiser, open_store, read_settings  # noqa: PLC0415

    settings = read_settings()
    return load_denoiser(open_store(settings).require(DENOISE_MODEL), settings.threads)


def serve(channel: Channel, works: dict[str, Work]) -> None:
    """Do one piece of work after the other; an error is an answer, too."""
    while True:
        request = channel.next()
        arguments = request["arguments"]
        try:
            done = works[request["work"]](arguments, channel.report)
        except StemwrightError as error:
            channel.say(_described(error, arguments))
        except MemoryError:
            os._exit(137)  # nothing can be relied on now; the parent starts another
        except Exception as error:  # noqa: BLE001  # the edge of this process: said to the parent
            traceback.print_exc()
            internal = StemwrightError(f"An internal error ({type(error).__name__}).")
            channel.say(_described(internal, arguments))
        else:
            channel.say({"done": done, "rss_mb": _rss_mb()})


def _described(error: StemwrightError, arguments: Arguments) -> dict[str, Any]:
    """Put an error into words of the user's: the song's name, not where we keep it."""
    message = error.message
    for name in ("song", "work"):
        path = arguments.get(name)
        path = path["song"] if isinstance(path, dict) else path
        if isinstance(path, str):
            message = message.replace(path, arguments.get("name", "the file"))
    fields = {
        name: value
        for name, value in vars(error).items()
        if name != "message" and isinstance(value, str | int | float | list | dict | None)
    }
    return {"error": error.code, "message": message, "fields": fields, "rss_mb": _rss_mb()}


def _rss_mb() -> float:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize() / _MIB


def _limit_memory(most_mb: int) -> None:
    if most_mb:
        resource.setrlimit(resource.RLIMIT_AS, (most_mb * _MIB, most_mb * _MIB))


def main(arguments: Sequence[str]) -> None:
    """Serve until standard input ends. Arguments: niceness, and most MiB of memory or 0."""
    niceness, most_mb = map(int, arguments)
    # supervisors signal all of a service at once; the parent says when this one is done
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(niceness)
    _limit_memory(most_mb)
    models, denoisers = LoadedModels(), dict[str, "DeepFilterNetwork"]()
    works: dict[str, Work] = {
        PROBE: probe,
        SEPARATE: separate(models),
        CLEAN: denoise(denoisers),
        MIX: mix,
        ENCODE: encode,
        ANALYSE: analyse,
        INSTALL: install,
    }
    serve(Channel(lambda: (*models.holds, *denoisers)), works)


if __name__ == "__main__":
    main(sys.argv[1:])
