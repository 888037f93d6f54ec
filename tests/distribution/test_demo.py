"""The demo: made once, complete, and only where it may be."""

import json
import stat
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import authenticate

from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.datasets.models import Dataset, File, Release
from requests_app.distribution import demo
from requests_app.distribution.publishing import publish_release
from requests_app.distribution.storage import staging
from requests_app.errors import Misconfigured, Refused
from requests_app.identity.models import User
from tests.factories.datasets import release_folder, write_card

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def var(tmp_path, settings, monkeypatch) -> Path:
    settings.VAR_DIR = tmp_path / "var"
    settings.FILES_DIR = tmp_path / "var" / "files"
    monkeypatch.setattr(staging, "settle", lambda: None)
    return tmp_path / "var"


@pytest.fixture
def card(tmp_path) -> Path:
    return write_card(tmp_path / "card.toml", daa="cmed-daa-1")


def seed(card: Path, **more) -> demo.Seeded:
    return demo.seed_demo(card_path=card, by=log.OPERATOR, **more)


def test_the_demo_has_a_dataset_its_text_and_a_synthetic_release(card):
    seeded = seed(card)
    dataset = Dataset.objects.get()
    release = dataset.releases.get()
    assert seeded.changed
    assert seeded.release == release
    assert release.version == "1.0"
    assert release.is_synthetic
    assert release.file_count == 9 + 2
    assert dataset.agreement_texts.get().number == 1


def test_one_seeding_gives_the_same_release_as_another(card, tmp_path, settings):
    digests = [seed(card).release.manifest_sha256]
    settings.FILES_DIR = tmp_path / "elsewhere"
    other = Dataset.objects.create(slug="other", card=Dataset.objects.get().card)
    digests.append(demo._publish(other, by=log.OPERATOR, progress=None).manifest_sha256)
    assert digests[0] == digests[1]


def test_every_account_can_sign_in_and_has_its_role(card):
    seeded = seed(card)
    assert [account.role for account in seeded.accounts] == [
        "applicant",
        "reviewer",
        "approver",
        "auditor",
        "admin",
    ]
    for account in seeded.accounts:
        assert authenticate(email=account.email, password=account.password) is not None
        address = EmailAddress.objects.get(email=account.email)
        assert (address.verified, address.primary) == (True, True)
        assert address.user.email == account.email
    groups = {
        user.email.split("@")[0]: set(user.groups.values_list("name", flat=True))
        for user in User.objects.all()
    }
    assert groups == {
        "applicant": set(),
        "reviewer": {"Reviewers"},
        "approver": {"Reviewers", "Approvers"},
        "auditor": {"Auditors"},
        "admin": set(),
    }
    assert set(User.objects.filter(is_staff=False)) == {User.objects.get(email__startswith="appl")}
    assert User.objects.get(is_superuser=True).email == "admin@demo.example"
    maintainers = Dataset.objects.get().maintainers.values_list("email", flat=True)
    assert set(maintainers) == {"reviewer@demo.example", "approver@demo.example"}


def test_passwords_lie_in_a_file_for_its_owner_alone(card, var):
    seeded = seed(card)
    path = var / "demo-accounts.json"
    assert demo.accounts_file() == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert demo.demo_accounts() == seeded.accounts
    assert len({account.password for account in seeded.accounts}) == 5
    assert [p.name for p in var.iterdir() if p.is_file()] == [path.name]


def test_seeding_again_changes_nothing(card):
    first = seed(card)
    entries, passwords = Entry.objects.count(), set(User.objects.values_list("password", flat=True))
    again = seed(card)
    assert not again.changed
    assert again.accounts == first.accounts
    assert again.release == first.release
    assert (Release.objects.count(), File.objects.count(), User.objects.count()) == (1, 11, 5)
    assert set(User.objects.values_list("password", flat=True)) == passwords
    assert Entry.objects.count() == entries


def test_seeding_is_recorded_without_a_password(card):
    seeded = seed(card)
    entry = Entry.objects.get(kind=kinds.DEMO_SEEDED)
    assert entry.details == {"accounts": 5, "files": 11}
    kept = json.dumps([list(Entry.objects.values("details", "subject", "actor"))])
    assert not any(account.password in kept for account in seeded.accounts)


def test_a_lost_file_gives_the_accounts_new_passwords(card, var):
    old = seed(card).accounts
    (var / "demo-accounts.json").unlink()
    assert demo.demo_accounts() == []
    new = seed(card)
    assert new.changed
    assert User.objects.count() == 5
    for before, after in zip(old, new.accounts, strict=True):
        assert authenticate(email=before.email, password=before.password) is None
        assert authenticate(email=after.email, password=after.password) is not None
    assert demo.demo_accounts() == new.accounts


def test_accounts_whose_making_was_interrupted_get_the_password_that_was_told(card, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(demo, "_ensure", fail)
        with pytest.raises(OSError, match="Input/output"):
            seed(card)
    assert not User.objects.exists()
    told = demo.demo_accounts()
    assert len(told) == 5
    assert seed(card).accounts == told
    assert authenticate(email=told[0].email, password=told[0].password) is not None


@pytest.mark.parametrize("content", ["", "{}", '{"accounts": [{"role": "admin"}]}', "[]"])
def test_a_broken_file_is_named(card, var, content):
    var.mkdir()
    (var / "demo-accounts.json").write_text(content)
    with pytest.raises(Misconfigured, match=r"demo-accounts\.json cannot be read: remove the file"):
        seed(card)


def test_a_real_release_is_left_alone(card, tmp_path):
    seed_card_only = demo.load_card(card_path=card, by=log.OPERATOR)
    real = publish_release(
        dataset=seed_card_only.dataset,
        version="1.0",
        folder=release_folder(tmp_path / "real"),
        by=log.OPERATOR,
    )
    assert seed(card).release == real
    assert not Release.objects.get().is_synthetic


def test_the_production_shape_refuses_demo_data(card, settings):
    settings.EMBEDDED = False
    with pytest.raises(Refused, match="embedded shape only"):
        seed(card)
    assert not Dataset.objects.exists()
    assert not User.objects.exists()


def test_a_card_without_its_agreement_text_is_not_loaded(tmp_path):
    with pytest.raises(Exception, match=r"there is no gulls-daa-1\.md"):
        seed(write_card(tmp_path / "other.toml"))
    assert not Dataset.objects.exists()
    assert not Entry.objects.exists()


def test_fewer_clips_are_made_when_a_smaller_demo_is_asked_for(card, settings):
    settings.DEMO_SCALE = 0.5
    release = seed(card).release
    counts = {
        label: release.files.filter(label=label).count() for label in ("hungry", "cross", "no-mood")
    }
    assert counts == {"hungry": 2, "cross": 1, "no-mood": 2}
    settings.DEMO_SCALE = 0.001
    other = Dataset.objects.create(slug="other", card=Dataset.objects.get().card)
    assert demo._publish(other, by=log.OPERATOR, progress=None).file_count == 3 + 2


def test_progress_runs_from_the_first_clip_to_the_last_file(card):
    seen: list[tuple[int, int]] = []
    seed(card, progress=lambda *step: seen.append(step))
    shares = [done / total for done, total in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_drawing_leaves_nothing_beside_the_release(card, var):
    seed(card)
    assert [path.name for path in (var / "files").iterdir() if path.name != ".staging"] == ["gulls"]
    assert list((var / "files" / ".staging").iterdir()) == []
