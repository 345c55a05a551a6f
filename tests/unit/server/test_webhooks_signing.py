"""Signatures as receivers check them: with the scheme's own library."""

import json
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from server.events.signing import new_secret, signed_headers
from server.ids import new_id, to_text

BODY = json.dumps({"type": "message.created", "data": {"text": "退货"}}, ensure_ascii=False).encode()


def test_a_receiver_verifies_a_message_with_the_schemes_library():
    secret = new_secret()
    headers = signed_headers([secret], to_text(new_id()), int(time.time()), BODY)

    assert Webhook(secret).verify(BODY.decode(), headers)["type"] == "message.created"


def test_the_signature_is_the_one_of_the_specification():
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_rotation_the_old_and_the_new_secret_both_verify():
    old, new, other = new_secret(), new_secret(), new_secret()
    headers = signed_headers([new, old], to_text(new_id()), int(time.time()), BODY)

    for secret in (old, new):
        Webhook(secret).verify(BODY.decode(), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY.decode(), headers)


@pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp"])
def test_whatever_is_changed_on_the_way_is_noticed(changed):
    secret, body = new_secret(), BODY
    headers = signed_headers([secret], to_text(new_id()), int(time.time()), body)
    if changed == "body":
        body += b" "
    elif changed == "webhook-id":
        headers[changed] = to_text(new_id())
    else:
        headers[changed] = str(int(headers[changed]) + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.decode(), headers)


def test_secrets_are_long_and_never_the_same():
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(new_secret()) == len("whsec_") + 44
