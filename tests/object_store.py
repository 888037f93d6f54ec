"""A real object store on loopback for tests: SeaweedFS, which verifies signatures and expiry."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from requests_app.conf import S3
from requests_app.distribution.storage.s3_client import client_for

BUCKET = "releases"
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port")
PORTS += ("filer.port.grpc", "s3.port", "s3.port.grpc")
FIXED = {
    "ip": "127.0.0.1",
    "ip.bind": "127.0.0.1",
    "s3.iam": "false",
    "s3.port.iceberg": "0",
    "s3.port.lance": "0",
    "volume.max": "100",
    "volume.minFreeSpace": "0",
    "master.volumeSizeLimitMB": "64",
    "master.telemetry": "false",
}
PORTAL, STRANGER = ("portal-key", "portal-secret"), ("stranger-key", "stranger-secret")


@contextmanager
def object_store() -> Iterator[S3]:
    """A running store with an empty, private bucket; its data are gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="portal-object-store-"))
    (folder / "data").mkdir()
    (folder / "s3.json").write_text(json.dumps({"identities": _identities()}))
    ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
    options = FIXED | ports | {"dir": folder / "data", "s3.config": folder / "s3.json"}
    command = [Path(sys.executable).with_name("weed"), "server", "-filer", "-s3"]
    command += [f"-{name}={value}" for name, value in options.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        store = S3(endpoint, endpoint, "us-east-1", True, BUCKET, "", *PORTAL, seconds=300)
        _wait_until_it_stores(store, process, folder / "log")
        yield store
    finally:
        process.kill()  # it takes its time to end well, and its data are thrown away
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_stores(store: S3, process: subprocess.Popen[bytes], log: Path) -> None:
    client = client_for(store, store.endpoint, retries={"total_max_attempts": 1})
    for step in (
        lambda: client.create_bucket(Bucket=BUCKET),
        lambda: client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready"),
        lambda: client.delete_object(Bucket=BUCKET, Key="ready"),
    ):
        for _ in range(300):
            try:
                step()
                break
            except (BotoCoreError, ClientError):
                _pause(process, log)
        else:
            raise AssertionError(f"the object store is not ready: {log.read_text()[-2000:]}")
    client.close()


def _pause(process: subprocess.Popen[bytes], log: Path) -> None:
    """A tenth of a second in which the process may not end."""
    try:
        process.wait(timeout=0.1)
    except subprocess.TimeoutExpired:
        return
    raise AssertionError(f"the object store ended: {log.read_text()[-2000:]}")


def _identities() -> list[dict[str, object]]:
    return [
        {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": may}
        for name, (key, secret), may in (("portal", PORTAL, ["Admin"]), ("stranger", STRANGER, []))
    ]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
