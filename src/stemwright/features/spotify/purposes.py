"""What texts of this feature are sealed for."""

from __future__ import annotations


def account_purpose(owner: str) -> str:
    """Tokens of one user's; they do not open in another's row."""
    return f"spotify account {owner}"


def link_purpose(nonce: str) -> str:
    """The verifier of one link that is being made."""
    return f"spotify link {nonce}"
