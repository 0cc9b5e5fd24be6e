from datetime import timedelta

import pytest

from stemwright.features.accounts.service import Accounts
from stemwright.features.accounts.tables import ApiKeyRow, UserRow


def last_use(accounts, database, key):
    accounts.close()
    with database.reading() as session:
        return session.get(ApiKeyRow, key.id).last_used_at


def test_the_last_use_is_written(accounts, database, clock, ada):
    key, secret = accounts.create_key(ada.id, "laptop")
    accounts.authenticate(f"Bearer {secret}")
    assert last_use(accounts, database, key) == clock.now


@pytest.mark.parametrize(("after_s", "written"), [(59, False), (60, True)])
def test_the_last_use_is_written_once_a_minute(accounts, database, clock, ada, after_s, written):
    key, secret = accounts.create_key(ada.id, "laptop")
    accounts.authenticate(f"Bearer {secret}")
    before = last_use(accounts, database, key)
    clock.now += timedelta(seconds=after_s)
    later = Accounts(database, clock=clock)
    later.authenticate(f"Bearer {secret}")
    assert last_use(later, database, key) == (clock.now if written else before)


def test_a_request_neither_fails_nor_waits_while_the_database_is_being_written(
    accounts, database, ada
):
    _, secret = accounts.create_key(ada.id, "laptop")
    with database.transaction() as session:  # on SQLite nobody else can write now
        session.get(UserRow, ada.id, with_for_update=True).name = "Ada"
        session.flush()
        assert accounts.authenticate(f"Bearer {secret}").owner == ada.id


def test_requests_are_answered_when_the_last_use_cannot_be_written(accounts, database, ada, caplog):
    _, secret = accounts.create_key(ada.id, "laptop")
    forbid_writes(database)
    assert accounts.authenticate(f"Bearer {secret}").owner == ada.id
    accounts.close()
    assert "last use" in caplog.text
    assert accounts.authenticate(f"Bearer {secret}").owner == ada.id


def forbid_writes(database):
    trigger = "CREATE TRIGGER full_disk BEFORE UPDATE ON api_keys "
    with database.transaction() as session:
        execute = session.connection().exec_driver_sql
        if database.is_sqlite:
            execute(f"{trigger} BEGIN SELECT RAISE(ABORT, 'full'); END")
            return
        execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'full'; END $$"
        )
        execute(f"{trigger} FOR EACH ROW EXECUTE FUNCTION full_disk()")
