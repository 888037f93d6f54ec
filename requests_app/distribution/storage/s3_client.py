"""The way to an object store: a boto3 client with bounded waiting, and one shape of failure."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from requests_app.conf import S3
from requests_app.distribution.storage.base import StorageError

GONE: Final = {"404", "NoSuchKey", "NotFound"}
_CONNECTIONS: Final = 64


def client_for(options: S3, endpoint: str, **changes: Any) -> Any:
    """A boto3 client with bounded waiting. Credentials and address come from `options` alone."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if options.path_style else "virtual"},
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=_CONNECTIONS,
        request_checksum_calculation="when_required",  # ours are SHA-256 and given
        response_checksum_validation="when_required",
    ).merge(Config(**changes))
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint or None,
        region_name=options.region,
        aws_access_key_id=options.access_key,
        aws_secret_access_key=options.secret_key,
        config=config,
    )


@contextmanager
def translated(key: str) -> Iterator[None]:
    """Give every failure of the object store one shape, without addresses or signatures."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in GONE:
            raise StorageError(f"There is no file {key!r} in the store.") from error
        raise StorageError(f"The object store refused {key!r}: {code}.") from error
    except (BotoCoreError, OSError) as error:
        reason = type(error).__name__
        raise StorageError(f"The object store cannot be reached for {key!r}: {reason}.") from error
