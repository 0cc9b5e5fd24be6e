import pytest

from stemwright.errors import UnknownApiKey, UnknownUser
from stemwright.features.accounts.tables import ApiKeyRow


def test_keys_are_listed_with_and_without_their_account(accounts, ada):
    bob = accounts.create_user("bob@example.org")
    made = [accounts.create_key(owner.id, "laptop")[0] for owner in (ada, bob)]
    assert [key.id for key in accounts.list_keys(ada.id)] == [made[0].id]
    assert {key.id for key in accounts.list_keys()} == {key.id for key in made}


def test_a_key_is_revoked_by_id_prefix_or_secret_and_twice_is_fine(accounts, clock, ada):
    first = clock.now
    for _ in range(3):
        key, secret = accounts.create_key(ada.id, "laptop")
        for name in (key.id, key.prefix, secret):
            assert accounts.revoke_key(name).revoked_at == first


@pytest.mark.parametrize("name", ["key_none", "sk_live_", "", "%", "\x00", "\udcff"])
def test_revoking_what_is_no_key_is_refused(accounts, ada, name):
    accounts.create_key(ada.id, "laptop")
    with pytest.raises(UnknownApiKey, match="no such"):
        accounts.revoke_key(name)


def test_a_prefix_of_two_keys_revokes_neither(accounts, database, ada):
    keys = [accounts.create_key(ada.id, "laptop")[0] for _ in range(2)]
    with database.transaction() as session:
        session.get(ApiKeyRow, keys[1].id).prefix = keys[0].prefix
    with pytest.raises(UnknownApiKey, match=keys[1].id):
        accounts.revoke_key(keys[0].prefix)
    assert [key.revoked_at for key in accounts.list_keys()] == [None, None]


def test_nobody_revokes_the_key_of_another(accounts, ada):
    key, _ = accounts.create_key(ada.id, "laptop")
    with pytest.raises(UnknownApiKey):
        accounts.revoke_key(key.id, owner="usr_bob")


def test_an_account_that_is_not_there_gets_no_key(accounts):
    with pytest.raises(UnknownUser):
        accounts.create_key("usr_none", "laptop")
