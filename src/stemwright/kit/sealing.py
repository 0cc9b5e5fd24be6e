"""Keeps texts in the database that nobody reads without the instance's secret."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stemwright.errors import SealBroken

_INFO: Final = b"stemwright seal\0"
_SHORTEST: Final = 16


class Sealer:
    """Encrypts under a key of its own for each purpose.

    A purpose names the place a text is kept at, owner included: what is moved to another place
    does not open there.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _SHORTEST:
            raise ValueError("the secret to seal with is too short")
        self._secret = secret
        self._box = lru_cache(maxsize=256)(self._new_box)  # a key takes longer than a text

    def seal(self, text: str, purpose: str) -> str:
        """Encrypt; the result is ASCII, about 4/3 as long and 100 characters longer."""
        return self._box(purpose).encrypt(text.encode()).decode("ascii")

    def open(self, sealed: str, purpose: str) -> str:
        """Decrypt what was sealed for this purpose.

        Raises
        ------
        SealBroken
            It was sealed under another secret or for another purpose, or was changed.

        """
        try:
            return self._box(purpose).decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SealBroken(
                "What is kept encrypted cannot be read: STEMWRIGHT_SECRET_KEY is not what it was, "
                "or the database was changed. Set the old secret, or enter anew what was kept."
            ) from error

    def _new_box(self, purpose: str) -> Fernet:
        kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO + purpose.encode())
        return Fernet(urlsafe_b64encode(kdf.derive(self._secret)))
