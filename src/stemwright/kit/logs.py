"""Structured logs: an event with fields, one line each, as JSON or for people.

``get_logger`` works anywhere and at any time; ``configure`` is called once by whoever owns the
process and decides where lines go, for stemwright and for every library alike. What ``context``
adds stands on each line logged inside it, in this thread or task and in those it starts.
"""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager
from typing import Final, Literal, TextIO, cast

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.types import EventDict, Processor, WrappedLogger

from .redaction import redact_value

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]

# They log whole addresses, signatures and all, or every step of their own, at a level meant to
# be read.
_TALKATIVE: Final = ("alembic", "asyncio", "dbos", "httpcore", "httpx", "urllib3")
# It says ten times a second that its database is gone; a full disk is not made emptier so.
_REPETITIVE: Final = ("dbos",)
_SAID_AGAIN_S: Final = 60.0
# It would attach a handler of its own as long as it finds none.
_SELF_HANDLING: Final = ("dbos",)
# One line a request is written by stemwright.web, which knows more.
_SILENCED: Final = ("uvicorn.access",)


def _event_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn says everything twice
    order = [name for name in ("timestamp", "level", "logger", "event") if name in event]
    return {name: event[name] for name in order} | dict(event)


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: redact_value(value, name) for name, value in event.items()}


_SHARED: Final[tuple[Processor, ...]] = (
    merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def get_logger(name: str) -> BoundLogger:
    """A logger for events: ``log.info("job.ended", kind="stems")``."""
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return cast("BoundLogger", logger)


def context(**fields: object) -> AbstractContextManager[None]:
    """Put fields on every line logged inside, e.g. ``with context(job_id=…, attempt=…)``."""
    return cast("AbstractContextManager[None]", bound_contextvars(**fields))


def configure(
    form: LogFormat = "auto", level: LogLevel = "info", stream: TextIO | None = None
) -> None:
    """Send every log of this process to the stream, stderr by default; may be called again."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(form, stream))
    root = logging.getLogger()
    for old in list(root.handlers):
        if getattr(old, "_stemwright", False):
            root.removeHandler(old)
    handler._stemwright = True  # type: ignore[attr-defined]  # noqa: SLF001  # ours to replace
    root.addHandler(handler)
    root.setLevel(level.upper())
    _tame_libraries()


def _formatter(form: LogFormat, stream: TextIO) -> ProcessorFormatter:
    terminal = stream.isatty()
    as_text = form == "text" or (form == "auto" and terminal)
    return ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder()],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _without_secrets,
            _event_first,
            _for_people(colours=terminal) if as_text else structlog.processors.JSONRenderer(),
        ],
    )


def _for_people(*, colours: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=colours,
        exception_formatter=structlog.dev.plain_traceback,  # the other kind prints variables
    )


class _Repetitions(logging.Filter):
    """Lets the same message pass once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        message, now = record.getMessage(), record.created
        self._said = {it: at for it, at in self._said.items() if now - at < _SAID_AGAIN_S}
        return self._said.setdefault(message, now) == now


def _tame_libraries() -> None:
    for name in _REPETITIVE:
        logger = logging.getLogger(name)
        logger.filters[:] = [_Repetitions()]
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _SELF_HANDLING:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = True
    for name in _SILENCED:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = False
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
