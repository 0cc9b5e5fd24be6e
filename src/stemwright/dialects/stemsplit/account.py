"""The account: its balance."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from .access import Caller, Services
from .errors import answers
from .replies import BalanceReply

router: Final = APIRouter(tags=["account"])


@router.get("/balance", responses=answers(), name="balance")
def balance(caller: Caller, services: Services) -> BalanceReply:
    """Credits left; one is a second of audio."""
    with services.database.reading() as session:
        left = services.credits.balance(session, caller.owner)
    return BalanceReply(
        balance_seconds=left.seconds,
        balance_minutes=left.seconds // 60,
        balance_formatted=spoken(left.seconds),
        updated_at=left.updated_at,
    )


def spoken(seconds: int) -> str:
    """Say a balance: seconds below a minute, else whole minutes."""
    number, unit = (seconds, "second") if seconds < 60 else (seconds // 60, "minute")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
