"""What browsers change of an account."""

import pytest

from stemwright.errors import (
    AccountSuspended,
    EmailNotVerified,
    EmailTaken,
    InvalidEmail,
    InvalidPassword,
    UnknownUser,
)
from stemwright.features.accounts.service import Accounts

NEW = "a long enough password"


def test_an_account_is_who_asks_once_a_browser_showed_it(accounts, ada):
    principal = accounts.principal(ada.id, "ses_1")
    assert (principal.owner, principal.key_id, principal.session_id) == (ada.id, None, "ses_1")


def test_but_not_if_it_may_not_be_used(accounts, ada):
    grace = accounts.create_user("grace@example.org")
    accounts.suspend(ada.id)
    for owner, refusal in [
        (ada.id, AccountSuspended),
        (grace.id, EmailNotVerified),
        ("usr_0", UnknownUser),
    ]:
        with pytest.raises(refusal):
            accounts.principal(owner)


def test_an_account_gets_another_address_and_the_old_one_is_free(accounts, ada):
    assert accounts.change_email(ada.id, " Lovelace@Example.org ").email == "Lovelace@Example.org"
    assert accounts.find_user("lovelace@example.org").id == ada.id
    accounts.create_user("ada@example.org")


@pytest.mark.parametrize("email", ["GRACE@example.org", "local@localhost"])
def test_not_one_that_is_taken(accounts, ada, email):
    accounts.create_user("grace@example.org")
    with pytest.raises(EmailTaken):
        accounts.change_email(ada.id, email)
    assert accounts.find_user(ada.id).email == ada.email


def test_not_one_that_is_taken_while_it_looks(accounts, ada, monkeypatch):
    accounts.create_user("grace@example.org")
    monkeypatch.setattr(accounts, "free_email", lambda email: email)
    with pytest.raises(EmailTaken):
        accounts.change_email(ada.id, "grace@example.org")


def test_nor_what_is_no_address(accounts, ada):
    with pytest.raises(InvalidEmail):
        accounts.change_email(ada.id, "ada")


def test_a_password_can_be_taken_away(accounts, ada):
    accounts.set_password(ada.id, NEW)
    assert not accounts.set_password(ada.id, None).has_password
    assert accounts.check_password(ada.email, NEW) is None


def test_whoever_wants_to_know_hears_of_a_new_password_in_its_transaction(database, ada):
    heard = []

    def fail(session, owner):
        heard.append(owner)
        raise RuntimeError("no")

    accounts = Accounts(database, on_password=[fail])
    with pytest.raises(RuntimeError):
        accounts.set_password(ada.id, NEW)
    with pytest.raises(InvalidPassword):
        accounts.set_password(ada.id, "short")
    assert heard == [ada.id]
    assert not accounts.find_user(ada.id).has_password
    accounts.close()
