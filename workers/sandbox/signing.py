"""How the two providers sign what they post.

Written here once more, beside the code that checks signatures: shared code would agree with
itself, right or wrong.
"""

import base64
import hmac
from collections.abc import Mapping
from hashlib import sha1, sha256

TWILIO_HEADER = "X-Twilio-Signature"
META_HEADER = "X-Hub-Signature-256"


def twilio_signature(auth_token: str, url: str, form: Mapping[str, str]) -> str:
    """Twilio's: over the address as it is called, and the form's fields in order of name.

    See "Validating requests" at twilio.com/docs/usage/security.
    """
    signed = url + "".join(name + form[name] for name in sorted(form))
    # SHA-1 is what Twilio signs with; as an HMAC it still holds.
    digest = hmac.digest(auth_token.encode(), signed.encode(), sha1)
    return base64.b64encode(digest).decode()


def meta_signature(app_secret: str, body: bytes) -> str:
    """Meta's: over the bytes of the body.

    See "Validate payloads" at developers.facebook.com/docs/graph-api/webhooks/getting-started.
    """
    return f"sha256={hmac.digest(app_secret.encode(), body, sha256).hex()}"
