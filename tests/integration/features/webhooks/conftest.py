import pytest

from support.webhook_receiver import WebhookReceiver
from support.webhooks import Bench


@pytest.fixture
def bench(tmp_path):
    made = Bench(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    yield made
    made.database.close()


@pytest.fixture
def receiver():
    with WebhookReceiver() as server:
        yield server
