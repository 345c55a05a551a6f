"""Signatures by the Standard Webhooks scheme (standardwebhooks.com, specification 1.0.0, "Signature scheme")."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence

_PREFIX = "whsec_"
_SECRET_BYTES = 32  # the scheme asks for 24 to 64


def new_secret(random: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Make a secret that a receiver checks signatures with."""
    return _PREFIX + b64encode(random(_SECRET_BYTES)).decode()


def signed_headers(live_secrets: Sequence[str], message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Give the headers of one attempt: while a secret is being replaced, one signature by each live one.

    Args:
        live_secrets: as `new_secret` made them.
        message_id: the same for each attempt, so that receivers know what they have already. Without a full stop.
        at_s: time of the attempt, seconds since 1970; receivers refuse what is minutes old.
        body: exactly the bytes that are sent.
    """
    content = b".".join((message_id.encode(), str(at_s).encode(), body))
    signatures = (hmac.digest(_key(secret), content, hashlib.sha256) for secret in live_secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{b64encode(signature).decode()}" for signature in signatures),
    }


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(_PREFIX), validate=True)
