from dataclasses import replace
from datetime import timedelta

import pytest

from stemwright.errors import (
    AccountSuspended,
    EmailNotVerified,
    InvalidApiKey,
    InvalidKeyFormat,
    KeyExpired,
    KeyRevoked,
    MissingApiKey,
)
from stemwright.features.accounts.service import Accounts
from stemwright.features.accounts.tables import ApiKeyRow


def test_a_key_tells_whom_a_request_is_from(accounts, ada):
    key, secret = accounts.create_key(ada.id, "laptop")
    principal = accounts.authenticate(f"Bearer {secret}")
    assert (principal.owner, principal.key_id) == (ada.id, key.id)
    assert (principal.email, principal.is_admin) == ("Ada@Example.org", False)


def test_a_key_is_long_random_and_safe_in_an_address(accounts, ada):
    secrets = {accounts.create_key(ada.id, "laptop")[1] for _ in range(3)}
    assert len(secrets) == 3
    assert all(secret.startswith("sk_live_") and len(secret) >= 8 + 32 for secret in secrets)
    assert all(secret.replace("-", "_").isidentifier() for secret in secrets)


def test_the_secret_is_nowhere_in_the_database(accounts, database, ada):
    key, secret = accounts.create_key(ada.id, "laptop")
    with database.reading() as session:
        row = session.get(ApiKeyRow, key.id)
        kept = [str(getattr(row, column.key)) for column in ApiKeyRow.__table__.columns]
    assert not any(secret in text or secret[12:] in text for text in kept)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " Bearer  "])
def test_the_scheme_may_be_in_any_case(accounts, ada, scheme):
    _, secret = accounts.create_key(ada.id, "laptop")
    assert accounts.authenticate(f"{scheme} {secret} ").owner == ada.id


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "sk_live_abc"])
def test_without_a_bearer_token_the_key_is_missing(accounts, header):
    with pytest.raises(MissingApiKey):
        accounts.authenticate(header)


@pytest.mark.parametrize("token", ["abc", "sk_dead_abc", "SK_LIVE_abc", "pk_live_abc"])
def test_a_token_that_does_not_start_like_a_key_has_the_wrong_form(accounts, token):
    with pytest.raises(InvalidKeyFormat):
        accounts.authenticate(f"Bearer {token}")


@pytest.mark.parametrize(
    "token", ["sk_live_", "sk_test_nope", "sk_live_ä\x00", "sk_live_" + "a" * 9999]
)
def test_an_unknown_key_is_refused_whatever_it_holds(accounts, token):
    with pytest.raises(InvalidApiKey):
        accounts.authenticate(f"Bearer {token}")


def test_a_revoked_key_is_refused_by_every_process_at_once(accounts, database, clock, ada):
    _, secret = accounts.create_key(ada.id, "laptop")
    accounts.authenticate(f"Bearer {secret}")
    Accounts(database, clock=clock).revoke_key(secret[:12])
    with pytest.raises(KeyRevoked):
        accounts.authenticate(f"Bearer {secret}")


def test_a_key_is_valid_until_the_moment_it_expires(accounts, clock, ada):
    end = clock.now + timedelta(days=90)
    _, secret = accounts.create_key(ada.id, "laptop", expires_at=end)
    clock.now = end - timedelta(seconds=1)
    accounts.authenticate(f"Bearer {secret}")
    clock.now = end
    with pytest.raises(KeyExpired):
        accounts.authenticate(f"Bearer {secret}")


def test_an_account_is_refused_until_its_address_is_verified(accounts):
    new = accounts.create_user("new@example.org")
    _, secret = accounts.create_key(new.id, "laptop")
    with pytest.raises(EmailNotVerified):
        accounts.authenticate(f"Bearer {secret}")
    accounts.verify_email("new@example.org")
    assert accounts.authenticate(f"Bearer {secret}").owner == new.id


def test_a_suspended_account_is_refused_until_it_is_not(accounts, ada):
    _, secret = accounts.create_key(ada.id, "laptop")
    accounts.suspend(ada.email)
    with pytest.raises(AccountSuspended):
        accounts.authenticate(f"Bearer {secret}")
    accounts.unsuspend(ada.email)
    assert accounts.authenticate(f"Bearer {secret}").owner == ada.id


def test_who_was_let_in_and_would_not_be_any_more_is_picked(accounts, clock, ada):
    def let_in(owner, expires_at=None):
        key, secret = accounts.create_key(owner.id, "laptop", expires_at)
        return key, accounts.authenticate(f"Bearer {secret}")

    bob = accounts.create_user("bob@example.org", verified=True)
    (_, stays), (revoked, goes) = let_in(ada), let_in(ada)
    _, late = let_in(ada, clock.now + timedelta(hours=1))
    _, suspended = let_in(bob)
    browser = replace(stays, key_id=None)
    everybody = {stays, goes, late, suspended, browser}
    assert accounts.refused_now(everybody) == set()

    accounts.revoke_key(revoked.id)
    accounts.suspend(bob.id)
    clock.now += timedelta(hours=2)

    assert accounts.refused_now(everybody) == {goes, late, suspended}
    assert accounts.refused_now([]) == set()
