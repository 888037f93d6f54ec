"""The portal's signature beside a text that it does not change (CMS, RFC 5652, section 5).

`openssl cms -verify -binary -inform PEM -in TEXT.p7s -content TEXT -CAfile ROOT.pem -purpose any`
verifies it with the published certificates alone.
"""

from typing import cast

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from requests_app.agreements.sealing_keys import SealKey

MEDIA_TYPE = "application/pkcs7-signature"


def sign(content: bytes, key: SealKey) -> bytes:
    """Returns a detached CMS signature over `content` as PEM, with the certificates above it."""
    private = cast("ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey", key.key)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(key.certificate, private, hashes.SHA256())
    for each in key.chain:
        builder = builder.add_certificate(each)
    options = [
        pkcs7.PKCS7Options.DetachedSignature,
        pkcs7.PKCS7Options.Binary,
        pkcs7.PKCS7Options.NoCapabilities,
    ]
    return builder.sign(serialization.Encoding.PEM, options)
