"""Patience with a storage that cannot be reached: it may be restarting."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from stemwright.errors import StorageUnreachable
from stemwright.kit import logs

_PAUSES_S: Final = (1.0, 3.0, 9.0, 27.0)

Result = TypeVar("Result")
log = logs.get_logger(__name__)


def patiently(work: Callable[[], Result], sleep: Callable[[float], None] = time.sleep) -> Result:
    """Try again, for half a minute or so; for work that nobody waits for.

    Raises
    ------
    StorageUnreachable
        It still cannot be reached.

    """
    for pause in _PAUSES_S:
        try:
            return work()
        except StorageUnreachable as error:
            log.warning("storage not there", error=error.code)
            sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # spreads workers
    return work()
