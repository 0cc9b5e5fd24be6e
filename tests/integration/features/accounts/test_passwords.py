import pytest
from argon2 import PasswordHasher

from stemwright.errors import InvalidPassword
from stemwright.features.accounts.passwords import Passwords
from stemwright.features.accounts.service import Accounts
from stemwright.features.accounts.tables import UserRow

PASSWORD = "correct horse battery"


def test_a_password_is_checked_with_its_account(accounts):
    ada = accounts.create_user("ada@example.org", password=PASSWORD)
    assert accounts.check_password("ADA@example.org", PASSWORD) == ada
    assert accounts.check_password("ada@example.org", PASSWORD + "!") is None


def test_unknown_accounts_and_those_without_a_password_have_no_password(accounts, ada):
    assert accounts.check_password("nobody@example.org", PASSWORD) is None
    assert accounts.check_password(ada.email, PASSWORD) is None


def test_an_unknown_account_costs_the_same_work_as_a_wrong_password(database):
    hasher = Counting()
    accounts = Accounts(database, passwords=Passwords(hasher))
    accounts.create_user("ada@example.org", password=PASSWORD)
    spent = []
    for email in ("ada@example.org", "nobody@example.org"):
        before = hasher.runs
        accounts.check_password(email, "wrong password")
        spent.append(hasher.runs - before)
    assert spent == [1, 1]


class Counting(PasswordHasher):
    """Counts how often the dear function runs."""

    def __init__(self):
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.runs = 0

    def hash(self, *arguments, **options):
        self.runs += 1
        return super().hash(*arguments, **options)

    def verify(self, *arguments):
        self.runs += 1
        return super().verify(*arguments)


@pytest.mark.parametrize("password", ["short", "a" * 11, "a" * 73, "ä" * 37, "a" * 12 + "\ud800"])
def test_a_password_has_to_be_long_but_not_too_long(accounts, ada, password):
    with pytest.raises(InvalidPassword):
        accounts.set_password(ada.email, password)
    assert accounts.check_password(ada.email, password) is None


@pytest.mark.parametrize("password", ["a" * 12, "a" * 72, "ä" * 36])
def test_passwords_at_the_limits_are_fine(accounts, ada, password):
    accounts.set_password(ada.email, password)
    assert accounts.check_password(ada.email, password) is not None


def kept_password(database, user):
    with database.reading() as session:
        return session.get(UserRow, user.id).password_hash


def test_a_hash_with_parameters_of_the_past_is_replaced_when_its_owner_comes(accounts, database):
    ada = accounts.create_user("ada@example.org", password=PASSWORD)
    harder = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    later = Accounts(database, passwords=Passwords(harder))
    later.check_password(ada.email, "wrong password")
    before = kept_password(database, ada)
    later.check_password(ada.email, PASSWORD)
    assert ("t=1" in before, "t=2" in kept_password(database, ada)) == (True, True)
    assert later.check_password(ada.email, PASSWORD) is not None


def test_passwords_are_kept_as_argon2id_by_default(accounts, database):
    ada = Accounts(database).create_user("ada@example.org", password=PASSWORD)
    assert kept_password(database, ada).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
