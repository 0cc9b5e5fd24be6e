"""OpenVINO without what its import would bring along.

``import openvino`` loads the model converter, which reports the import to an analytics service from
a forked process. Nobody asked for that; the fork can also hang a thread that is inside OpenBLAS,
and the converter costs a third of the import's time. OpenVINO takes the absence of either for
normal, so they are absent while it is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_UNWANTED: Final = ("openvino_telemetry", "openvino.tools.ovc")


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Let importing these modules fail, unless they are there already."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # what the import system documents
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _absent(*_UNWANTED):
    import openvino
    from openvino import opset13 as operations

__all__ = ["openvino", "operations"]
