"""The demo of the embedded shape: a dataset with synthetic clips, and accounts to try it with."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import transaction

from requests_app import conf
from requests_app.agreements.loading import load_card
from requests_app.audit import kinds, log
from requests_app.datasets.card import card_from
from requests_app.datasets.demo.clips import write_demo_release
from requests_app.datasets.models import Dataset, Release
from requests_app.distribution.publishing import publish_release, publish_staged
from requests_app.distribution.storage.staging import staged
from requests_app.errors import Misconfigured, Refused
from requests_app.identity.models import User
from requests_app.requests.permissions import APPROVERS, AUDITORS, REVIEWERS

VERSION = "1.0"
DOMAIN = "demo.example"  # reserved for examples (RFC 2606): no mail can ever reach anybody

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Role:
    """What a demo account is for: its groups, and whether it enters the admin."""

    name: str
    groups: tuple[str, ...] = ()
    is_staff: bool = False
    is_superuser: bool = False
    maintains: bool = False


ROLES = (
    Role("applicant"),
    Role("reviewer", (REVIEWERS,), is_staff=True, maintains=True),
    Role("approver", (REVIEWERS, APPROVERS), is_staff=True, maintains=True),
    Role("auditor", (AUDITORS,), is_staff=True),
    Role("admin", is_staff=True, is_superuser=True),
)


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account and its password, as ``demo-accounts.json`` lists it."""

    role: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Seeded:
    """The demo as it stands; ``changed`` tells whether anything had to be made."""

    dataset: Dataset
    release: Release
    accounts: list[DemoAccount]
    changed: bool


def accounts_file() -> Path:
    """Where the demo accounts and their passwords are kept (mode 0600)."""
    return conf.var_dir() / "demo-accounts.json"


def demo_accounts() -> list[DemoAccount]:
    """The demo accounts as last seeded; none before. Raises ``Misconfigured`` for a broken file."""
    path = accounts_file()
    try:
        return [DemoAccount(**item) for item in json.loads(path.read_text())["accounts"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Misconfigured(
            f"The demo accounts in {path} cannot be read: remove the file, and the next start"
            " gives the accounts new passwords."
        ) from error


def seed_demo(*, card_path: Path, by: log.Audited, progress: Progress | None = None) -> Seeded:
    """Load the card, publish a synthetic release 1.0 and make the demo accounts; once.

    What is there already stays as it is, so it may run at every start. ``progress`` is called with
    the steps done and the steps to do. Raises ``Refused`` in the production shape, and what
    loading and publishing raise. Records DEMO_SEEDED when anything was made.
    """
    if not conf.is_embedded():
        raise Refused(
            "Demo data are for the embedded shape only: the demo accounts have passwords that lie"
            " in a file. Use load_dataset and publish_release instead."
        )
    loaded = load_card(card_path=card_path, by=by)
    release = loaded.dataset.releases.filter(version=VERSION).first()
    has_release = release is not None
    if release is None:
        release = _publish(loaded.dataset, by=by, progress=progress)
    accounts, made = _seed_accounts(loaded.dataset, new_files=not has_release, by=by)
    return Seeded(loaded.dataset, release, accounts, changed=made > 0 or not has_release)


def _publish(dataset: Dataset, *, by: log.Audited, progress: Progress | None) -> Release:
    """Draw the clips where they will be published, and publish them."""

    def half(offset: int) -> Progress | None:
        if progress is None:
            return None
        return lambda done, total: progress(offset * total + done, 2 * total)

    card = card_from(dataset.card)
    publish = publish_staged if conf.storage() == "local" else publish_release
    with staged(conf.files_dir()) as stage:
        write_demo_release(stage, card, scale=conf.demo_scale(), progress=half(0))
        return publish(
            dataset=dataset,
            version=VERSION,
            folder=stage,
            by=by,
            is_synthetic=True,
            progress=half(1),
        )


def _seed_accounts(
    dataset: Dataset, *, new_files: bool, by: log.Audited
) -> tuple[list[DemoAccount], int]:
    """All demo accounts, and how many were made or got a new password."""
    known = {account.role: account for account in demo_accounts()}
    accounts = [
        known.get(role.name)
        or DemoAccount(role.name, f"{role.name}@{DOMAIN}", secrets.token_urlsafe(12))
        for role in ROLES
    ]
    if len(known) < len(ROLES):
        # Before the accounts: a password that is in force is always one that can be looked up.
        _keep(accounts)
    made = 0
    with transaction.atomic():
        for role, account in zip(ROLES, accounts, strict=True):
            made += _ensure(role, account, dataset, reset=role.name not in known)
        if made or new_files:
            files = dataset.releases.get(version=VERSION).file_count if new_files else 0
            log.record(kinds.DEMO_SEEDED, by=by, on=dataset, accounts=made, files=files)
    return accounts, made


def _ensure(role: Role, account: DemoAccount, dataset: Dataset, *, reset: bool) -> bool:
    """Make the account, or set its password when ``reset``; tells whether either was needed."""
    user = User.objects.filter(email=account.email).first()
    if user is not None and not reset:
        return False
    if user is None:
        user = User(
            email=account.email,
            full_name=f"Demo {role.name.capitalize()}",
            is_staff=role.is_staff,
            is_superuser=role.is_superuser,
        )
    user.set_password(account.password)
    user.save()
    user.groups.set(Group.objects.filter(name__in=role.groups))
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
    if role.maintains:
        dataset.maintainers.add(user)
    return True


def _keep(accounts: list[DemoAccount]) -> None:
    """Write the accounts to their file, whole or not at all, readable by its owner alone."""
    path = accounts_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    content = {"accounts": [asdict(account) for account in accounts]}
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(json.dumps(content, indent=2) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
