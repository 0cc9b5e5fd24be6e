from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from stemwright.errors import AccountSuspended, EmailNotVerified, LoginLinkInvalid, LoginRefused
from stemwright.features.sessions.tables import BrowserSessionRow
from support.browsers import PASSWORD


def rows(database):
    with database.reading() as session:
        return session.scalars(select(BrowserSessionRow)).all()


def test_a_token_shows_whose_browser_it_is(sessions, ada):
    opened = sessions.open(ada.id)
    found = sessions.find(opened.token)
    assert found.principal.owner == ada.id
    assert found.principal.key_id is None
    assert found.principal.session_id == found.session.id == opened.session.id


@pytest.mark.parametrize("token", [None, "", "x", "\x00", "\udcff", "x" * 5000])
def test_any_other_token_shows_nobody(sessions, ada, token):
    sessions.open(ada.id)
    assert sessions.find(token) is None


def test_the_token_itself_is_not_kept(database, sessions, ada):
    token = sessions.open(ada.id).token
    kept = [str(value) for value in vars(rows(database)[0]).values()]
    assert not any(token in value for value in kept)
    assert token not in repr(sessions.open(ada.id))


def test_who_may_not_use_the_service_gets_no_session(sessions, accounts, ada):
    accounts.suspend(ada.id)
    grace = accounts.create_user("grace@example.org", password=PASSWORD)
    with pytest.raises(AccountSuspended):
        sessions.open(ada.id)
    with pytest.raises(EmailNotVerified):
        sessions.check_password("grace@example.org", PASSWORD)
    with pytest.raises(EmailNotVerified):
        sessions.open(grace.id)


def test_an_account_without_a_password_has_none_to_log_in_with(sessions, accounts):
    accounts.create_user("grace@example.org", verified=True)
    with pytest.raises(LoginRefused):
        sessions.check_password("grace@example.org", "")


def test_a_browser_is_seen_to_the_hour(database, sessions, ada, clock):
    token = sessions.open(ada.id).token
    began = clock.now
    clock.pass_by(minutes=59)
    sessions.find(token)
    assert rows(database)[0].last_seen_at == began
    clock.pass_by(minutes=1)
    sessions.find(token)
    assert rows(database)[0].last_seen_at == clock.now


def test_of_requests_at_once_one_gets_the_new_token_and_all_are_served(sessions, ada, clock):
    token = sessions.open(ada.id).token
    clock.pass_by(days=8)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: sessions.find(token), range(8)))
    assert all(it is not None for it in found)
    renewed = [it.new_token for it in found if it.new_token]
    assert len(renewed) == 1
    assert sessions.find(renewed[0]).session.id == found[0].session.id


def test_a_token_is_not_replaced_where_no_cookie_can_be_set(sessions, ada, clock):
    token = sessions.open(ada.id).token
    clock.pass_by(days=8)
    assert sessions.find(token, renew=False).new_token is None


def test_a_new_token_is_good_for_two_weeks_from_then_on(sessions, ada, clock):
    token = sessions.open(ada.id).token
    for _ in range(4):
        clock.pass_by(days=13)
        token = sessions.find(token).new_token
        assert token
    clock.pass_by(days=14)
    assert sessions.find(token) is None


def test_replacing_a_token_is_no_log_in(sessions, ada, clock):
    token = sessions.open(ada.id).token
    clock.pass_by(days=8)
    found = sessions.find(sessions.find(token).new_token)
    assert not sessions.is_fresh(found.session)


def test_ended_sessions_are_told_of_once(sessions, ada, ended):
    first, second = sessions.open(ada.id), sessions.open(ada.id)
    sessions.close(first.session.id)
    sessions.close(first.session.id)
    assert ended == [first.session.id]
    sessions.close_all(ada.id)
    assert ended == [first.session.id, second.session.id]


def test_sockets_of_an_ended_session_are_refused_and_others_are_not(sessions, ada):
    first, second = sessions.open(ada.id), sessions.open(ada.id)
    callers = [sessions.find(it.token).principal for it in (first, second)]
    assert sessions.refused_now(callers) == set()
    sessions.close(first.session.id)
    assert sessions.refused_now(callers) == {callers[0]}


def test_a_key_has_no_session_to_end(sessions, accounts, ada):
    secret = accounts.create_key(ada.id, "a key")[1]
    assert sessions.refused_now([accounts.authenticate(f"Bearer {secret}")]) == set()


def test_what_is_over_is_removed(database, sessions, ada, clock):
    sessions.open(ada.id)
    clock.pass_by(days=15)
    assert sessions.sweep() == 1
    assert rows(database) == []


def test_a_link_is_used_by_one_of_two_who_have_it(links, post, ada):
    links.request_log_in(ada.email)
    token = post.next().link.rpartition("/")[2]

    def redeem(_number):
        try:
            return links.redeem(token)
        except LoginLinkInvalid as error:
            return error

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(redeem, range(2)))
    assert sum(isinstance(it, LoginLinkInvalid) for it in found) == 1
