"""A seal's key that never leaves its token: a smart card or a hardware module (PKCS#11)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.sign.signers import Signer

from requests_app import conf
from requests_app.agreements.sealing_keys import SealKey
from requests_app.errors import Misconfigured

_PROBE: Final = b"Is this the key of the seal's certificate?"


@contextmanager
def signer(key: SealKey) -> Iterator[Signer]:
    """Gives what signs with the key in the token, for as long as its session is open.

    Raises Misconfigured when the token, the PIN or the key is not there, or the key is not that
    of the certificate. Needs the package python-pkcs11.
    """
    try:
        from pkcs11 import PKCS11Error  # noqa: PLC0415 - an optional package
        from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session  # noqa: PLC0415 - same
    except ImportError as error:
        raise Misconfigured(
            "CMED_SEAL_PKCS11_MODULE is set, but python-pkcs11 is not installed: install it where "
            "the worker runs (pip install python-pkcs11)."
        ) from error
    try:
        session = open_pkcs11_session(
            conf.seal_pkcs11_module(),
            token_criteria=TokenCriteria(label=conf.seal_pkcs11_token()),
            user_pin=conf.seal_pkcs11_pin(),
        )
        with session:
            made = PKCS11Signer(
                session,
                signing_cert=translate_pyca_cryptography_cert_to_asn1(key.certificate),
                ca_chain=[translate_pyca_cryptography_cert_to_asn1(each) for each in key.chain],
                key_label=conf.seal_pkcs11_key(),
                use_raw_mechanism=True,  # many tokens do not hash
            )
            _require_pair(key, made)
            yield made
    except PKCS11Error as error:
        told = str(error) or type(error).__name__
        raise Misconfigured(
            f"The token with the seal's key does not sign ({told}): look at the settings "
            "CMED_SEAL_PKCS11_*; the agreement waits and is tried again."
        ) from error


def _require_pair(key: SealKey, made: Signer) -> None:
    signature = asyncio.run(made.async_sign_raw(_PROBE, "sha256"))
    public = key.certificate.public_key()
    try:
        match public:
            case ec.EllipticCurvePublicKey():
                public.verify(signature, _PROBE, ec.ECDSA(hashes.SHA256()))
            case rsa.RSAPublicKey():
                public.verify(signature, _PROBE, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise Misconfigured(
            "The key in the token is not that of the certificate in CMED_SEAL_KEY_FILE."
        ) from error
