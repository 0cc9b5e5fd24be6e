"""Which queue a job waits in, and that each is served without the others."""

import pytest

from stemwright.entry.library import LIGHT_QUEUE, REMOTE_QUEUE, queue_of
from stemwright.jobs.service import JOB_QUEUE


@pytest.mark.parametrize(
    ("kind", "request_", "queue"),
    [
        ("stems", {}, JOB_QUEUE),
        ("denoise", {}, JOB_QUEUE),
        ("processing", {"engine": "local"}, JOB_QUEUE),
        ("processing", {"engine": "lalalai"}, REMOTE_QUEUE),
        ("download", {}, LIGHT_QUEUE),
        ("analysis", {}, LIGHT_QUEUE),
    ],
)
def test_who_waits_for_others_keeps_nobody_from_separating(kind, request_, queue):
    assert queue_of(kind, request_) == queue
