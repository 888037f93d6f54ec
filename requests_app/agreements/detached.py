"""The portal's signature beside a text that it does not change (CMS, RFC 5652, section 5).

`openssl cms -verify -binary -inform PEM -in TEXT.p7s -content TEXT -CAfile ROOT.pem -purpose any`
verifies it with the published certificates alone.
"""

import asyncio

from asn1crypto import pem

from requests_app.agreements.seal import signer_with
from requests_app.agreements.sealing_keys import SealKey

MEDIA_TYPE = "application/pkcs7-signature"


def sign(content: bytes, key: SealKey) -> bytes:
    """Returns a detached CMS signature over `content` as PEM, with the certificates above it.

    Raises Misconfigured when a token that holds the key gives no signature.
    """
    with signer_with(key) as signer:
        made = asyncio.run(signer.async_sign_general_data(content, "sha256", detached=True))
    return bytes(pem.armor("CMS", made.dump()))
