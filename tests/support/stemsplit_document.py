"""Thousands of odd requests, made from the document that describes the API."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    load_all_checks,
    negative_data_rejection,
    positive_data_acceptance,
)

from stemwright.dialects.stemsplit.app import create_app
from stemwright.dialects.stemsplit.openapi import document

load_all_checks()

_DOCUMENT = document(create_app(None), "/api/v1")
_TAKES_NOTHING = {"GET /balance", "GET /webhooks", "GET /openapi"}
OPERATIONS = {
    operation.label: operation
    for operation in (
        result.ok() for result in schemathesis.openapi.from_dict(_DOCUMENT).get_all_operations()
    )
}
RIGHT = list(OPERATIONS)
WRONG = [label for label in OPERATIONS if label not in _TAKES_NOTHING]
"""Operations that something wrong can be sent to."""


def check_operation(
    label: str, base_url: str, key: str, *, wrong: bool = False, examples: int = 20
) -> None:
    """Send what the document allows, or does not; no answer may be of another kind than it says."""
    # a body may be well-formed and name an upload that is not there; an unknown query is ignored
    excluded = [positive_data_acceptance]
    if label.startswith("GET"):
        excluded.append(negative_data_rejection)
    mode = GenerationMode.NEGATIVE if wrong else GenerationMode.POSITIVE

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    def keeps_to_it(case):
        case.call_and_validate(
            base_url=base_url,
            headers={"Authorization": f"Bearer {key}"},
            excluded_checks=excluded,
        )

    keeps_to_it()
