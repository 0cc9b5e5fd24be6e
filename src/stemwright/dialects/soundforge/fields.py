"""What a form's fields must hold, in the words that stand beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from stemwright.errors import EmailTaken, InvalidEmail, InvalidName, InvalidPassword, OptionError
from stemwright.features.accounts.account import clean_email

EMAIL: Final = "user[email]"
PASSWORD: Final = "user[password]"  # noqa: S105 - a field's name
CONFIRMATION: Final = "user[password_confirmation]"
_SECOND: Final = "password_confirmation"
_LONGEST_EMAIL: Final = 160
_LONGEST_BYTES: Final = 72


class Unfit(Exception):
    """Fields that cannot be taken, each with the reason."""

    def __init__(self, **problems: str) -> None:
        super().__init__(problems)
        self.problems: Mapping[str, str] = problems


def email_in(form: Mapping[str, str]) -> str:
    """An address that an account may have.

    Raises
    ------
    Unfit

    """
    text = form.get(EMAIL, "").strip()
    if not text:
        raise Unfit(email="can't be blank")
    if len(text) > _LONGEST_EMAIL:
        raise Unfit(email=f"should be at most {_LONGEST_EMAIL} character(s)")
    try:
        return clean_email(text)
    except InvalidEmail as error:
        raise Unfit(email="must have the @ sign and no spaces") from error


def password_in(form: Mapping[str, str], *, confirmed: bool) -> str:
    """A password that an account may have; ``confirmed`` by its second field.

    Raises
    ------
    Unfit

    """
    text, problems = form.get(PASSWORD, ""), dict[str, str]()
    if problem := _password_problem(text):
        problems["password"] = problem
    if confirmed and form.get(CONFIRMATION, "") != text:
        problems[_SECOND] = "does not match password"
    if problems:
        raise Unfit(**problems)
    return text


@contextmanager
def explained(**names: str) -> Iterator[None]:
    """Put failures of what is done inside beside the fields they are about.

    Raises
    ------
    Unfit

    """
    try:
        yield
    except EmailTaken as error:
        raise Unfit(email="has already been taken") from error
    except InvalidEmail as error:
        raise Unfit(email=error.message) from error
    except InvalidPassword as error:
        raise Unfit(password=error.message) from error
    except (InvalidName, OptionError) as error:
        raise Unfit(**{names.get("other", "name"): error.message}) from error


def _password_problem(text: str) -> str:
    if not text:
        return "can't be blank"
    if len(text) < 12:
        return "should be at least 12 character(s)"
    try:
        fits = len(text.encode()) <= _LONGEST_BYTES
    except UnicodeEncodeError:  # half a surrogate pair, as JSON can spell one
        return "is not text"
    return "" if fits else f"should be at most {_LONGEST_BYTES} character(s)"
