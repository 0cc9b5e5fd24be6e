import pytest
from stemsplit_python import webhooks

from stemwright.features.webhooks.signing import WebhookSecrets, check_of, signature

BODY = '{"event":"job.completed","name":"Käse"}'.encode()


def test_the_official_verifier_accepts_a_signature_and_notices_a_changed_byte():
    secret = WebhookSecrets(["instance"]).new("whk_1")
    signed = signature(secret, BODY)
    assert signed.startswith("sha256=")
    assert webhooks.verify_signature(BODY, signed, secret)
    assert not webhooks.verify_signature(BODY + b" ", signed, secret)


def test_a_secret_can_be_found_again_and_belongs_to_one_webhook():
    secrets = WebhookSecrets(["instance"])
    secret = secrets.new("whk_1")
    assert secret.startswith("whsec_")
    assert secrets.find("whk_1", check_of(secret)) == secret
    assert secrets.find("whk_2", check_of(secret)) is None


def test_after_a_change_of_the_instances_secret_older_webhooks_keep_theirs():
    secret = WebhookSecrets(["old"]).new("whk_1")
    both = WebhookSecrets(["new", "old"])
    assert both.find("whk_1", check_of(secret)) == secret
    assert both.new("whk_1") != secret
    assert WebhookSecrets(["new"]).find("whk_1", check_of(secret)) is None


@pytest.mark.parametrize("keys", [[], [""], ["good", b""]])
def test_nothing_is_derived_from_an_empty_secret(keys):
    with pytest.raises(ValueError, match="empty"):
        WebhookSecrets(keys)
