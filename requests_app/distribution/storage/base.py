"""What a store of files must be able to do. Keys come from rows, never from a request."""

from typing import BinaryIO, Protocol

from requests_app.errors import PortalError


class StorageError(PortalError):
    """The store cannot do it: a key it refuses, a file it lacks, bytes that are not all there."""


class Storage(Protocol):
    """Immutable files under keys such as `cmed/1.0/clips/0001.mp4`."""

    def open(self, key: str) -> BinaryIO:
        """The file for reading, unbuffered and at its first byte; the caller closes it.

        Raises StorageError when there is none.
        """

    def size(self, key: str) -> int:
        """Bytes of the file. Raises StorageError when there is none."""

    def exists(self, key: str) -> bool:
        """Whether there is a file under the key. Raises StorageError for a key it refuses."""

    def put(self, key: str, source: BinaryIO) -> int:
        """Store what `source` holds and return its bytes; nothing is visible until all is there.

        Raises StorageError when the key is taken: a published file never changes.
        """
