"""Secrets of webhooks and the signatures made with them."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

_PURPOSE: Final = b"stemwright webhook secret\0"


class WebhookSecrets:
    """Derives each secret from the instance's own and what it is for, so that none is stored.

    A stolen database signs nothing. When the instance's secret is replaced, the older ones are
    given behind the new one; each webhook keeps the secret its user was shown.
    """

    def __init__(self, instance_secrets: Sequence[str | bytes]) -> None:
        keys = [given.encode() if isinstance(given, str) else given for given in instance_secrets]
        if not keys or not all(keys):
            raise ValueError("a secret of the instance is empty")
        self._keys = keys

    def new(self, purpose: str) -> str:
        """Make ``whsec_…`` of the newest key; the same for the same purpose."""
        return _derived(self._keys[0], purpose)

    def find(self, purpose: str, check: str) -> str | None:
        """The secret that has this check; none when it was made with a key we no longer have."""
        candidates = (_derived(key, purpose) for key in self._keys)
        return next((secret for secret in candidates if check_of(secret) == check), None)


def check_of(secret: str) -> str:
    """Digest by which a secret is recognised; it has 256 random bits, so this tells nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def signature(secret: str, body: bytes) -> str:
    """Sign as ``sha256=<hex>``; the key is the whole secret with its prefix."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def _derived(key: bytes, purpose: str) -> str:
    digest = hmac.new(key, _PURPOSE + purpose.encode(), hashlib.sha256).digest()
    return f"whsec_{urlsafe_b64encode(digest).decode().rstrip('=')}"
