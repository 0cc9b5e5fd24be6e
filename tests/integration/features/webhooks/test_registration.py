from contextlib import closing

import pytest

from stemwright.errors import (
    InvalidWebhookUrl,
    TooManyWebhooks,
    UnknownWebhookEvent,
    WebhookNotFound,
)
from stemwright.web.addresses import AddressPolicy
from support.webhooks import OWNER, Bench


@pytest.fixture
def public(tmp_path):
    """A bench that reaches the open internet alone."""
    made = Bench(f"sqlite:///{tmp_path / 'public.sqlite3'}", AddressPolicy())
    made.names.known = {
        "example.com": ["93.184.215.14"],
        "inside.example": ["10.0.0.7"],
        "mixed.example": ["93.184.215.14", "127.0.0.1"],
        "unknown.example": [],
    }
    yield made
    made.database.close()


def test_a_secret_is_in_the_answer_to_the_registration_and_nowhere_else(bench, tmp_path):
    made = bench.webhooks.register(OWNER, "http://receiver.example/hook")
    (listed,) = bench.webhooks.list(OWNER)
    assert made.secret.startswith("whsec_")
    assert listed.secret is None
    assert made.secret not in repr(made)
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert made.id.encode() in files
    assert made.secret.encode() not in files


def test_a_new_webhook_is_active_for_all_events_and_was_never_called(bench):
    bench.webhooks.register(OWNER, "http://receiver.example/hook")
    (webhook,) = bench.webhooks.list(OWNER)
    assert webhook.id.startswith("whk_")
    assert webhook.events == ("job.completed", "job.failed")
    assert webhook.is_active
    assert (webhook.fail_count, webhook.last_error, webhook.last_called_at) == (0, None, None)
    assert webhook.created_at == bench.clock()


def test_a_webhook_can_be_for_one_event(bench):
    made = bench.webhooks.register(OWNER, "http://receiver.example/", ["job.failed", "job.failed"])
    assert made.events == ("job.failed",)


@pytest.mark.parametrize("events", [[], ["webhook.test"], ["job.completed", "JOB.FAILED"]])
def test_only_events_that_happen_can_be_asked_for(bench, events):
    with pytest.raises(UnknownWebhookEvent, match=r"job\.completed and job\.failed"):
        bench.webhooks.register(OWNER, "http://receiver.example/", events)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "receiver.example/hook",
        "ftp://example.com/hook",
        "file:///etc/passwd",
        "http://",
        "http://[::1",
        "http://exa\nmple.com/",
        "http://example.com/\ud800",
        f"http://example.com/{'x' * 2048}",
        "http://me:word@example.com/",
        "http://example.com:22/",
        "http://example.com:99999/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://localhost/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:10.0.0.1]/",
        "http://192.168.1.5/hook",
        "http://inside.example/",
        "http://mixed.example/",
        "http://unknown.example/",
        "http://xn--.example../",
    ],
)
def test_an_address_that_nothing_may_be_sent_to_is_refused(public, url):
    public.names.known["xn--.example.."] = []
    with pytest.raises(InvalidWebhookUrl) as caught:
        public.webhooks.register(OWNER, url)
    assert "word" not in caught.value.message
    assert public.webhooks.list(OWNER) == ()


def test_inner_and_unknown_names_are_refused_in_the_same_words(public):
    words = set()
    for name in ("inside.example", "unknown.example"):
        with pytest.raises(InvalidWebhookUrl) as caught:
            public.webhooks.register(OWNER, f"https://{name}/hook")
        words.add(caught.value.message.replace(name, "NAME"))
    assert len(words) == 1


def test_a_public_address_is_taken_as_it_was_written(public):
    url = "https://example.com/Hook/ü?token=a%2Fb&x="
    assert public.webhooks.register(OWNER, url).url == url


def test_a_private_receiver_is_taken_where_the_operator_allows_it(bench, receiver):
    assert bench.webhooks.register(OWNER, receiver.url()).url == receiver.url()


def test_an_account_has_so_many_webhooks_and_a_deletion_makes_room(bench):
    bench.webhooks.most_per_account = 2
    first = bench.webhooks.register(OWNER, "http://receiver.example/1")
    bench.webhooks.register(OWNER, "http://receiver.example/2")
    with pytest.raises(TooManyWebhooks, match="at most 2"):
        bench.webhooks.register(OWNER, "http://receiver.example/3")
    bench.webhooks.register("usr_other", "http://receiver.example/3")
    bench.webhooks.delete(OWNER, first.id)
    bench.webhooks.register(OWNER, "http://receiver.example/3")


def test_somebody_elses_webhook_looks_like_none(bench):
    made = bench.webhooks.register("usr_other", "http://receiver.example/")
    assert bench.webhooks.list(OWNER) == ()
    with pytest.raises(WebhookNotFound, match=made.id):
        bench.webhooks.delete(OWNER, made.id)
    with pytest.raises(WebhookNotFound):
        bench.webhooks.deliveries(OWNER, made.id)
    bench.webhooks.delete("usr_other", made.id)
    with pytest.raises(WebhookNotFound):
        bench.webhooks.delete("usr_other", made.id)


@pytest.mark.parametrize("text", ["\0", "whk_\0", "\ud800", "x" * 10_000])
def test_what_is_no_id_of_ours_names_no_webhook_on_any_database(database_url, text):
    bench = Bench(database_url)
    with closing(bench.database), pytest.raises(WebhookNotFound):
        bench.webhooks.delete(OWNER, text)
