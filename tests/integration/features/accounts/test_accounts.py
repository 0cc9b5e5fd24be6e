import pytest

from stemwright.errors import EmailTaken, InvalidEmail, InvalidName, UnknownUser
from stemwright.features.accounts.service import Accounts


@pytest.mark.parametrize("spelling", ["Ada@Example.org", "ada@example.org", " ADA@EXAMPLE.ORG "])
def test_an_address_names_one_account_in_any_letter_case(accounts, ada, spelling):
    assert accounts.find_user(spelling) == ada
    with pytest.raises(EmailTaken, match="has an account already"):
        accounts.create_user(spelling)


def test_an_account_is_found_by_its_id(accounts, ada):
    assert accounts.find_user(ada.id) == ada


@pytest.mark.parametrize("text", ["nobody@example.org", "usr_1", "", "\udcff", "\x00"])
def test_an_unknown_account_is_said_to_be_unknown(accounts, text):
    with pytest.raises(UnknownUser):
        accounts.find_user(text)


@pytest.mark.parametrize(
    "text",
    ["", "ada", "@", "ada@", "@host", "a@b@c", "a b@c", "a,b@c", "a;b@c", "a@b\nc", "a@\x00"],
)
def test_what_is_no_address_opens_no_account(accounts, text):
    with pytest.raises(InvalidEmail):
        accounts.create_user(text)


@pytest.mark.parametrize("text", [f"{'a' * 159}@b", "a\udcff@b"], ids=["too long", "broken text"])
def test_nor_does_what_no_database_would_take(accounts, text):
    with pytest.raises(InvalidEmail):
        accounts.create_user(text)


def test_an_account_is_called_what_stands_before_the_at(accounts, ada):
    assert (ada.name, accounts.create_user("b@example.org", name=" Bob ").name) == ("Ada", "Bob")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a" * 101])
def test_a_name_is_one_short_line(accounts, ada, name):
    with pytest.raises(InvalidName):
        accounts.create_key(ada.id, name)


def test_who_joins_is_announced_within_the_transaction(database, clock):
    def refuse(_session, _owner):
        raise RuntimeError

    accounts = Accounts(database, clock=clock, on_opened=[refuse])
    with pytest.raises(RuntimeError):
        accounts.create_user("ada@example.org")
    assert accounts.list_users() == []


def test_the_local_account_is_opened_once_and_may_be_used_at_once(accounts):
    local, again = accounts.ensure_default_user(), accounts.ensure_default_user()
    _, secret = accounts.create_key(local.id, "first")
    assert (again, accounts.authenticate(f"Bearer {secret}").owner) == (local, local.id)


def test_nobody_else_can_join_under_the_address_of_the_local_account(accounts):
    with pytest.raises(EmailTaken):
        accounts.create_user("LOCAL@localhost")
