"""Every answer that carries bytes is written down before its first byte and after its last one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from django.http import HttpRequest
from django.utils import timezone

from requests_app import conf
from requests_app.audit import origin
from requests_app.distribution import nginx_log
from requests_app.distribution.access import Access, may_start
from requests_app.distribution.journal import journal
from requests_app.distribution.models import DownloadLink
from requests_app.distribution.ranges import Selection
from requests_app.distribution.running import Sending, watcher
from requests_app.distribution.settling import Ending
from requests_app.distribution.streams import FileSlice
from requests_app.distribution.transfers import How, Outcome, Transfer
from requests_app.distribution.usage import use_of
from requests_app.distribution.verdicts import OPEN_ENDS, Verdict

LINE: Final = "gunicorn.socket"
"""Where the server names the client's socket (its WSGI environment)."""


class Limited(Exception):
    """The policy of the dataset allows no more at the moment; `access` says why."""

    def __init__(self, access: Access) -> None:
        super().__init__(access.verdict)
        self.access = access


@dataclass(frozen=True, slots=True)
class Item:
    """What is fetched: `kind` of its entry, release version, name, and SHA-256 or entity tag."""

    kind: str
    release: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Account:
    """What the transfers of one request are written down as."""

    request: HttpRequest
    access: Access
    item: Item

    def begin(
        self,
        selection: Selection,
        status: int,
        how: How = How.PORTAL,
        promised: int | None = None,
    ) -> Transfer:
        """Writes the transfer down; when this returns its bytes may flow.

        `promised` is how many bytes the answer opens, where that is more than was asked for. Raises
        Limited when no more may begin, GateClosed or DatabaseError when it cannot be written.
        """
        promised = selection.count if promised is None else promised
        self._refuse_too_much(promised, how)
        credential, source = self.access.credential, origin.current()
        is_link = isinstance(credential, DownloadLink)
        transfer = Transfer(
            grant_id=self.access.grant.pk,
            link_id=credential.pk if credential and is_link else None,
            access_token_id=None if credential is None or is_link else credential.pk,
            kind=self.item.kind,
            release=self.item.release,
            name=self.item.name,
            digest=self.item.digest,
            range=selection.content_range or "",
            status=status,
            promised=promised,
            how=how,
            ip=source.ip[:45],
            user_agent=source.user_agent[:500].replace("\0", ""),
        )
        journal().begin(transfer)
        return transfer

    def hand_over(
        self, selection: Selection, status: int, how: How, promised: int | None = None
    ) -> Transfer:
        """The same for bytes that somebody else sends who does not tell how many they were."""
        transfer = self.begin(selection, status, how, promised)
        journal().end(Ending(transfer.pk, None, Outcome.HANDED_OUT), promised=transfer.promised)
        return transfer

    def _refuse_too_much(self, size: int, how: How) -> None:
        verdict, access = may_start(self.access, size), self.access
        if verdict is Verdict.ALLOWED and how is How.PORTAL and watcher().is_full():
            verdict = Verdict.BUSY
        if verdict in OPEN_ENDS and conf.nginx_dir():
            # Some of them may have ended, and only nginx has told; or another thread read it first.
            nginx_log.follow()
            access = replace(access, use=use_of(access.grant, timezone.now()))
            verdict = may_start(access, size)
        if verdict is not Verdict.ALLOWED:
            raise Limited(replace(access, verdict=verdict))


class Delivery:
    """A transfer that this process sends, from the first byte to its end."""

    def __init__(self, request: HttpRequest, transfer: Transfer) -> None:
        self._transfer = transfer
        line = request.META.get(LINE)
        self._sending: Sending | None = None
        self._over = False
        try:
            self._sending = watcher().add(transfer, line) if line else None
        except BaseException:
            self.end(0, 0)  # it will not be sent
            raise

    def tell(self, sent: int) -> None:
        """`sent` bytes left so far, for whoever watches."""
        if self._sending is not None:
            self._sending.sent = sent

    def end(self, sent: int, handed: int) -> None:
        """`sent` bytes left, up to `handed` may have; only the first call counts."""
        if self._over:
            return
        self._over = True
        if self._sending is not None:
            watcher().remove(self._sending)
        was_cut = self._sending is not None and self._sending.was_cut
        outcome = Outcome.COMPLETE
        if sent < self._transfer.promised:
            outcome = Outcome.CUT if was_cut else Outcome.BROKEN
        ending = Ending(self._transfer.pk, sent, outcome, handed=handed)
        journal().end(ending, promised=self._transfer.promised)


class CountedBlocks:
    """Blocks on their way: one is known to be sent when the server comes for the next."""

    def __init__(self, blocks: Iterator[bytes], delivery: Delivery) -> None:
        self._blocks, self._delivery = blocks, delivery
        self._sent = self._handed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._sent = self._handed
        self._delivery.tell(self._sent)
        block = next(self._blocks)
        self._handed += len(block)
        return block

    def close(self) -> None:
        """The server is done, or the client is gone."""
        close = getattr(self._blocks, "close", None)
        if close is not None:
            close()
        self._delivery.end(self._sent, self._handed)


class CountedFile:
    """A file on its way, by sendfile or by reading.

    After sendfile the server puts the position behind the last byte sent (`socket.sendfile`). A
    reader counts by what it takes.
    """

    def __init__(self, stored: FileSlice, delivery: Delivery) -> None:
        self._stored, self._delivery = stored, delivery
        self._start = stored.tell()
        self._sent = self._handed = 0

    def fileno(self) -> int:
        """Descriptor of the file, at the first byte."""
        return self._stored.fileno()

    def seekable(self) -> bool:
        """Nobody but sendfile may move it: its length is known and not to be measured."""
        return False

    def seek(self, position: int) -> None:
        """What sendfile reports when it ends, also in an error."""
        self._sent = position - self._start

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes of what is left, empty at the end."""
        self._sent = self._handed
        block = self._stored.read(size)
        self._handed += len(block)
        return block

    def close(self) -> None:
        """The server is done, or the client is gone."""
        self._stored.close()
        self._delivery.end(self._sent, self._handed)
