"""From what lalal.ai answers to an error of ours: by status, by code, and inside a good answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from stemwright.errors import (
    LalalaiError,
    LalalaiFailed,
    LalalaiQuota,
    LalalaiRefused,
    LalalaiRejected,
    LalalaiUnavailable,
)

KEY_USED: Final = "idempotency_key_used"
"""The task of this key has begun already; which one it is, they do not say."""
LONGEST_WAIT_S: Final = 600.0

_TEXT_MOST: Final = 300
_FILE_LIMITS: Final = {"max_duration": "longer", "exceeded_size": "larger"}
_COME_BACK: Final = {502, 503, 504}


def failure(status: int, headers: Mapping[str, str], body: bytes) -> LalalaiError:
    """Name what an answer other than 200 means."""
    detail, code = _said(body)
    if status in {401, 403}:
        return LalalaiRejected(
            f"lalal.ai does not accept the licence key (HTTP {status}{_colon(detail)}). Enter it "
            "again in the settings; its plan must include the API."
        )
    if status == 429:
        return _later("lalal.ai is asked too often (HTTP 429).", headers)
    if status == 408:
        return _later("lalal.ai timed out (HTTP 408).", headers)
    if status in _COME_BACK:
        return _later(f"lalal.ai is temporarily unavailable (HTTP {status}).", headers)
    if status >= 500:
        return _later(f"lalal.ai API returned HTTP {status}, an error of the server.", headers)
    if status < 400:
        return LalalaiRefused(
            f"lalal.ai API returned HTTP {status} where an answer was expected; is "
            "STEMWRIGHT_LALALAI_BASE_URL right?"
        )
    return coded(code, detail) or LalalaiRefused(
        f"lalal.ai API returned HTTP {status}{_colon(detail)}", reason=code
    )


def coded(code: str | None, detail: str) -> LalalaiError | None:
    """Name what a code means; the set of codes is open, so there may be no answer."""
    if code == "exceeded_duration":
        return LalalaiQuota(
            f"The minutes of the lalal.ai account are used up{_colon(detail)}. Buy more there."
        )
    if code in _FILE_LIMITS:
        return LalalaiQuota(
            f"The song is {_FILE_LIMITS[code]} than the plan of the lalal.ai account allows"
            f"{_colon(detail)}."
        )
    if code == "internal_error":
        return LalalaiUnavailable(f"lalal.ai met an error of its own{_colon(detail)}.")
    return None


def task_failure(code: str | None, detail: str) -> LalalaiError:
    """Name why a task failed; repeating it would be charged again, so this is the end."""
    quota = coded(code, detail)
    if isinstance(quota, LalalaiQuota):
        return quota
    return LalalaiFailed(f"lalal.ai could not process the song{_colon(detail or code or '')}.")


def not_taken(detail: str, code: str | None) -> LalalaiRefused:
    """Name why one order among several was refused."""
    return LalalaiRefused(f"lalal.ai refused the order{_colon(detail)}.", reason=code)


def not_understood(what: str) -> LalalaiUnavailable:
    """Name an answer that has not the form it should have, as a relay's page of HTML."""
    return LalalaiUnavailable(f"lalal.ai answered {what} in a way that makes no sense.")


def plain(text: object) -> str:
    """Cut a text of theirs to what may be shown and stored."""
    kept = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return kept[:_TEXT_MOST]


def _said(body: bytes) -> tuple[str, str | None]:
    """Detail and code; the detail is a text, an object, or a list of what is wrong where."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "", None
    if not isinstance(answer, dict):
        return "", None
    code = answer.get("code")
    return plain(_detail(answer.get("detail"))), plain(code) if isinstance(code, str) else None


def _detail(detail: Any) -> str:  # noqa: ANN401  # whatever JSON holds
    match detail:
        case None:
            return ""
        case str():
            return detail
        case [*problems] if all(isinstance(problem, dict) for problem in problems):
            return "; ".join(_problem(problem) for problem in problems)
        case _:
            return json.dumps(detail)


def _problem(problem: Mapping[str, Any]) -> str:
    where = problem.get("loc")
    path = ".".join(str(part) for part in where) if isinstance(where, list) else ""
    return f"{path}: {problem.get('msg', '')}" if path else str(problem.get("msg", ""))


def _later(message: str, headers: Mapping[str, str]) -> LalalaiUnavailable:
    asked = headers.get("retry-after", "")
    wait_s = min(float(asked), LONGEST_WAIT_S) if asked.isdecimal() else None
    return LalalaiUnavailable(message, retry_after_s=wait_s)


def _colon(detail: str) -> str:
    return f": {detail.rstrip('.')}" if detail else ""
