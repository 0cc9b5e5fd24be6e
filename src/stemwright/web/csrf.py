"""Whether a request that changes something was made by a page of ours, for that session.

A browser sends its cookies along with whatever another site has it send. So such a request has to
bring a token that only our pages know. A request with a key of its own (``Bearer``) needs none:
no site can have a browser send that.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from typing import Final

from starlette.datastructures import Headers

from stemwright.errors import CsrfRefused

FIELD: Final = "_csrf_token"
HEADER: Final = "x-csrf-token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ELSEWHERE: Final = frozenset({"cross-site", "same-site"})


def require_token(expected: str | None, headers: Headers, form: Mapping[str, str]) -> None:
    """Refuse a request without the token of its session.

    Raises
    ------
    CsrfRefused

    """
    given = headers.get(HEADER) or form.get(FIELD) or ""
    # another site may have planted a session of its own, whose token it knows; what the browser
    # says of where the request comes from it cannot change
    foreign = headers.get("sec-fetch-site", "") in _ELSEWHERE
    right = (expected or "").encode()
    if foreign or not right or not compare_digest(right, given.encode("utf-8", "replace")):
        raise CsrfRefused("The form is out of date. Load the page again and repeat.")
