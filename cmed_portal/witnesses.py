"""What an operator writes to name a witness of the log: `KEY URL`."""

from urllib.parse import urlsplit

_HERE = {"127.0.0.1", "::1", "localhost"}


def is_witness(text: str) -> bool:
    """Whether this is a witness's public key (C2SP tlog-cosignature) and a safe address."""
    key, _, url = text.strip().partition(" ")
    return _is_key(key) and _is_address(url)


def _is_key(text: str) -> bool:
    # Here, for it loads `cryptography`, which a portal without witnesses can start without.
    from requests_app.audit import outsider  # noqa: PLC0415

    try:
        outsider.parse_key(text, outsider.COSIGNATURE)
    except outsider.Wrong:
        return False
    return True


def _is_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        allowed = address.scheme == "https" or (
            address.scheme == "http" and address.hostname in _HERE
        )
        return allowed and bool(address.hostname) and address.port != 0 and text.split() == [text]
    except ValueError:  # a port that is none
        return False
