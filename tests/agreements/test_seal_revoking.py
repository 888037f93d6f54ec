"""A certificate of the seal that was declared invalid: what is refused, and what still counts."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from requests_app.agreements import certificates, records, retrying, sealing_keys
from requests_app.agreements.documents import countersign_document, render_document
from requests_app.agreements.models import AgreementDocument, FailedDocument, SealRevocation
from requests_app.agreements.pdf import render_pdf
from requests_app.agreements.records import AMONG_OURS, NOT_AMONG_OURS
from requests_app.agreements.seal import Level, Role, Seal, prepare, seal_pdf, signer_with
from requests_app.agreements.seal_revoking import require_unrevoked, revoke, sealed_since
from requests_app.agreements.sealing_keys import SealKey
from requests_app.agreements.trust import Trust
from requests_app.agreements.verification import UNREADABLE, Finding, verify
from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.errors import Conflict, Invalid, Misconfigured, NotFound
from tests.factories import authorities
from tests.factories.agreements import document_input, signed_agreement
from tests.factories.seals import key_in, pem, sealed_pdf
from tests.management.test_seal_commands import run

HOUR = timedelta(hours=1)


def declare(row, since=None, **changes):
    given = {"reason": "A laptop was stolen.", "by": log.OPERATOR} | changes
    return revoke(certificate=row.serial, since=since or timezone.now(), **given)


@pytest.fixture
def row():
    """The certificate that seals now, recorded."""
    return certificates.record(sealing_keys.load())


@pytest.mark.django_db
class TestDeclaring:
    def test_it_is_entered_once_with_the_time_and_the_reason_in_one_line(self, row):
        since = timezone.now() - HOUR
        declare(row, since, reason="A laptop\n\nwas stolen. ")
        entry = Entry.objects.get(kind=kinds.SEAL_CERTIFICATE_REVOKED)
        assert (entry.actor, entry.subject) == ("operator", row.audit_ref)
        assert entry.details["serial"] == row.serial
        assert row.invalid_from == since.replace(microsecond=0)
        assert SealRevocation.objects.get().reason == "A laptop was stolen."

    @pytest.mark.parametrize("spelt", ["serial", "colons", "sha256"])
    def test_the_number_may_be_written_as_programs_do(self, row, spelt):
        padded = row.serial.upper().zfill(len(row.serial) + len(row.serial) % 2)
        colons = ":".join(padded[at : at + 2] for at in range(0, len(padded), 2))
        number = {"serial": row.serial, "colons": colons, "sha256": row.sha256}[spelt]
        revoke(certificate=number, since=timezone.now(), reason="Stolen.", by=log.OPERATOR)
        assert row.revocations.count() == 1

    def test_it_moves_to_an_earlier_time_and_never_to_a_later_one(self, row):
        now = timezone.now()
        declare(row, now - HOUR)
        for later in (now, now - HOUR):
            with pytest.raises(Conflict, match="already"):
                declare(row, later)
        declare(row, now - 2 * HOUR)
        assert row.invalid_from == (now - 2 * HOUR).replace(microsecond=0)

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"since": timezone.now() + timedelta(days=9999)}, Invalid),
            ({"reason": " "}, Invalid),
            ({"reason": "x" * 501}, Invalid),
        ],
    )
    def test_what_cannot_be_is_refused_and_nothing_is_kept(self, row, changes, error):
        with pytest.raises(error):
            declare(row, **changes)
        assert not SealRevocation.objects.exists()

    def test_every_certificate_for_its_key_is_declared_with_it(self, row):
        """Whoever has the key seals under any of them, and chooses one that is not declared."""
        renewed = certificates.record(_twin(sealing_keys.load()))
        earlier = timezone.now() - 3 * HOUR
        declare(renewed, earlier)
        assert row.invalid_from == renewed.invalid_from == earlier.replace(microsecond=0)
        told = Entry.objects.filter(kind=kinds.SEAL_CERTIFICATE_REVOKED)
        assert {entry.subject for entry in told} == {row.audit_ref, renewed.audit_ref}
        forged = seal_pdf(
            render_pdf(document_input()), Seal(sealing_keys.load(), Level.B_B), Role.SEAL
        )
        trust = Trust.from_pem(certificates.published().encode())
        assert verify(forged, trust).finding is Finding.UNPROVEN

    @pytest.mark.parametrize("number", ["12ab", "gulls", ""])
    def test_an_unknown_number_is_answered_with_the_known_ones(self, row, number):
        with pytest.raises(NotFound, match=row.serial):
            revoke(certificate=number, since=timezone.now(), reason="Gone.", by=log.OPERATOR)

    def test_a_number_that_two_authorities_gave_is_not_guessed(self, row, tmp_path):
        number = int(row.serial, 16)
        other = certificates.record(_twin(key_in(tmp_path), serial_number=number))
        assert other.serial == row.serial
        with pytest.raises(Conflict, match="SHA-256"):
            declare(row)
        revoke(certificate=other.sha256, since=timezone.now(), reason="Gone.", by=log.OPERATOR)
        assert (row.invalid_from, bool(other.invalid_from)) == (None, True)


def _twin(key, **changes) -> SealKey:
    """The key with a certificate of its own making that differs in what is told."""
    made = key.certificate
    told = {"serial_number": x509.random_serial_number()} | changes
    builder = (
        x509.CertificateBuilder()
        .subject_name(made.subject)
        .issuer_name(made.subject)
        .public_key(key.key.public_key())
        .serial_number(told["serial_number"])
        .not_valid_before(made.not_valid_before_utc)
        .not_valid_after(made.not_valid_after_utc)
        .add_extension(made.extensions.get_extension_for_class(x509.KeyUsage).value, critical=True)
    )
    return replace(key, certificate=builder.sign(key.key, made.signature_hash_algorithm), chain=())


@pytest.mark.django_db
class TestSealing:
    def test_nothing_is_sealed_with_it_until_there_is_a_new_key(self, row):
        agreement = signed_agreement()
        declare(row)
        with pytest.raises(Misconfigured, match="rotate_seal_key"):
            render_document(agreement_id=agreement.pk)
        assert retrying.try_to_render(agreement_id=agreement.pk) is None
        assert "was declared invalid" in FailedDocument.objects.get().last_error
        certificates.rotate(by=log.OPERATOR)
        assert render_document(agreement_id=agreement.pk).certificate != row

    def test_nothing_is_countersigned_with_it(self, row):
        agreement = signed_agreement()
        render_document(agreement_id=agreement.pk)
        declare(row)
        with pytest.raises(Misconfigured):
            countersign_document(agreement_id=agreement.pk)

    def test_what_was_being_made_when_it_was_declared_is_not_kept(self, row, monkeypatch):
        agreement = signed_agreement()
        sound = "requests_app.agreements.documents.require_sound"
        monkeypatch.setattr(sound, lambda *_, **__: declare(row))
        with pytest.raises(Misconfigured):
            render_document(agreement_id=agreement.pk)
        assert not AgreementDocument.objects.exists()

    def test_nothing_is_sealed_with_another_certificate_for_its_key(self, row):
        """Authorities renew certificates for the key that is there, and this one was stolen."""
        renewed = _twin(sealing_keys.load())
        declare(row)
        with pytest.raises(Misconfigured, match="declared invalid"):
            require_unrevoked(renewed)

    def test_whatever_the_time_from_which_it_is_invalid(self, row):
        declare(row, timezone.now() - timedelta(days=9999))
        with pytest.raises(Misconfigured):
            require_unrevoked(sealing_keys.load())


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
@pytest.mark.django_db(transaction=True)
def test_it_is_not_declared_between_the_last_look_and_the_keeping_of_what_was_sealed():
    row = certificates.record(sealing_keys.load())

    def impatient() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = 50")
            declare(row)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            require_unrevoked(sealing_keys.load())
            with pytest.raises(OperationalError, match="lock timeout"):
                other.submit(impatient).result()
        other.submit(impatient).result()
    with pytest.raises(Misconfigured):
        require_unrevoked(sealing_keys.load())


@pytest.mark.django_db
class TestHere:
    """What the portal says, whose records know when each document was made."""

    def test_a_document_made_before_stays_genuine_and_its_seal_is_told(self, row):
        made = render_document(agreement_id=signed_agreement().pk)
        _declare_as_if_later(row, made)
        verdict = records.verify_here(bytes(made.content))
        assert verdict.finding is Finding.GENUINE
        assert "the portal's records show that it was sealed before" in verdict.sentence
        assert verdict.as_json()["agreement"]["seals"][0]["invalid_from"]

    def test_one_made_since_proves_nothing_and_is_said_to_be_among_ours(self, row):
        made = render_document(agreement_id=signed_agreement().pk)
        found = declare(row, made.rendered_at - HOUR)
        verdict = records.verify_here(bytes(made.content))
        assert (verdict.finding, verdict.facts) == (Finding.UNPROVEN, None)
        assert "the seal proves nothing" in verdict.sentence
        assert verdict.sentence.endswith(AMONG_OURS)
        assert sealed_since(found) == [made.agreement.number]

    def test_a_forgery_dated_back_is_not_ours(self, row):
        made = render_document(agreement_id=signed_agreement().pk)
        _declare_as_if_later(row, made)
        forged = seal_pdf(render_pdf(document_input()), prepare(), Role.SEAL)
        assert records.verify_here(forged).sentence == NOT_AMONG_OURS

    def test_a_countersignature_with_the_new_key_covers_it(self, row):
        agreement = signed_agreement()
        made = render_document(agreement_id=agreement.pk)
        declare(row, made.rendered_at - HOUR)
        certificates.rotate(by=log.OPERATOR)
        both = countersign_document(agreement_id=agreement.pk)
        verdict = records.verify_here(bytes(both.content))
        assert verdict.finding is Finding.GENUINE
        assert "made with another certificate, covers all of it" in verdict.sentence

    def test_what_was_added_to_it_afterwards_makes_it_no_better(self, row):
        made = render_document(agreement_id=signed_agreement().pk)
        declare(row, made.rendered_at - HOUR)
        verdict = records.verify_here(bytes(made.content) + b"more")
        assert verdict.sentence == NOT_AMONG_OURS


def _declare_as_if_later(row, made) -> None:
    """Invalid from after the document was made, without waiting for it."""
    SealRevocation.objects.create(
        certificate=row, invalid_from=made.rendered_at + HOUR, reason="A laptop was stolen."
    )


class TestAnywhere:
    """What can be said with the file and the published list alone."""

    NOW = datetime.now(UTC).replace(microsecond=0)

    def trust(self, key, since) -> Trust:
        own = Trust.from_pem(pem(*key.chain, key.certificate))
        return replace(own, revoked={key.sha256: since})

    def test_a_seal_that_says_it_is_older_is_only_its_own_word(self, key, sealed):
        verdict = verify(sealed, self.trust(key, self.NOW + HOUR))
        assert (verdict.finding, verdict.facts) == (Finding.UNPROVEN, None)
        assert "it cannot be told from the file whether it is genuine" in verdict.sentence

    def test_one_that_says_it_is_younger_proves_nothing(self, key, sealed):
        verdict = verify(sealed, self.trust(key, self.NOW - HOUR))
        assert verdict.finding is Finding.UNPROVEN
        assert "the seal proves nothing" in verdict.sentence

    def test_other_certificates_are_not_touched(self, key, sealed):
        trust = replace(self.trust(key, self.NOW), revoked={"0" * 64: self.NOW - HOUR})
        assert verify(sealed, trust).finding is Finding.GENUINE

    def test_a_countersignature_with_it_spoils_what_another_key_sealed(
        self, key, sealed, tmp_path_factory
    ):
        """It says that the lab agreed; whoever has the key could have added it."""
        new = key_in(tmp_path_factory.mktemp("new"))
        both = seal_pdf(sealed_pdf(new), Seal(key, Level.B_B), Role.COUNTERSIGNATURE)
        own = Trust.from_pem(pem(*new.chain, *key.chain, new.certificate, key.certificate))
        trust = replace(own, revoked={key.sha256: self.NOW + HOUR})
        assert verify(both, trust).finding is Finding.UNPROVEN

    def test_a_seal_in_no_field_of_the_document_vouches_for_nothing(
        self, key, sealed, tmp_path_factory
    ):
        """It would cover all of the file, and only the good seal below it would be told."""
        new = key_in(tmp_path_factory.mktemp("new"))
        own = Trust.from_pem(pem(*new.chain, *key.chain, new.certificate, key.certificate))
        trust = replace(own, revoked={key.sha256: self.NOW - HOUR})
        forged = _sealed_in_no_field(sealed_pdf(new), key)
        verdict = verify(forged, trust)
        assert (verdict.finding, verdict.sentence) == (Finding.NOT_OURS, UNREADABLE)


def _sealed_in_no_field(content: bytes, key) -> bytes:
    room, head = 8000, "\n%% /ByteRange [0 {:010d} {:010d} {:010d}]\n"
    before = len(content) + len(head.format(0, 0, 0))
    # A reader finds the document that is there, and a seal over all of it that it knows nothing of.
    after, tail = before + room + 2, b"\n" + content[content.rindex(b"startxref") :]
    head = head.format(before, after, len(tail)).encode()
    with signer_with(key) as signer:
        covered = content + head + tail
        made = asyncio.run(signer.async_sign_general_data(covered, "sha256", detached=True))
    place = b"<" + made.dump().hex().upper().encode().ljust(room, b"0") + b">"
    return content + head + place + tail


class TestStamped:
    @pytest.fixture
    def world(self, tmp_path, settings):
        with authorities.running(tmp_path) as made:
            settings.SEAL_KEY_FILE = str(made.key_file())
            settings.TIMESTAMP_URL = made.clock_address
            settings.TIMESTAMP_ROOTS_FILE = str(made.roots_file)
            yield made

    def test_a_trusted_stamp_shows_that_it_is_older_and_one_that_nobody_trusts_does_not(
        self, world
    ):
        seal = prepare()
        sealed = seal_pdf(render_pdf(document_input()), seal, Role.SEAL)
        own = Trust.from_pem(pem(*world.key.chain, world.key.certificate))
        since = timezone.now() + HOUR
        later = replace(own, clocks=seal.authority.roots, revoked={world.key.sha256: since})
        verdict = verify(sealed, later)
        assert verdict.finding is Finding.GENUINE
        assert "a time stamp of" in verdict.sentence
        assert verdict.facts.seals[0].stamped_at < since
        unchecked = verify(sealed, replace(later, clocks=()))
        assert "cannot be told" in unchecked.sentence
        earlier = replace(later, revoked={world.key.sha256: since - 2 * HOUR})
        assert verify(sealed, earlier).finding is Finding.UNPROVEN


@pytest.mark.django_db
class TestPublished:
    def test_the_list_says_so_and_whoever_verifies_by_it_knows(self, row):
        made = render_document(agreement_id=signed_agreement().pk)
        before = Trust.from_pem(certificates.published().encode())
        declare(row, made.rendered_at - HOUR)
        text = certificates.published()
        assert len(x509.load_pem_x509_certificates(text.encode())) == 2
        after = Trust.from_pem(text.encode())
        assert after.revoked == {row.sha256: row.invalid_from}
        assert Trust.published().revoked == after.revoked
        assert verify(bytes(made.content), before).finding is Finding.GENUINE
        assert verify(bytes(made.content), after).finding is Finding.UNPROVEN

    @pytest.mark.parametrize("spoilt", ["from yesterday", "from", "from 2026-13-01T00:00:00Z"])
    def test_a_mark_that_cannot_be_read_is_not_passed_over(self, row, spoilt):
        declare(row)
        mark = f"from {row.invalid_from:%Y-%m-%dT%H:%M:%SZ}"
        text = certificates.published()
        assert mark in text
        with pytest.raises(Invalid, match="invalid"):
            Trust.from_pem(text.replace(mark, spoilt).encode())


@pytest.mark.django_db
class TestCommand:
    def test_it_declares_and_says_what_follows(self, row, capsys):
        made = render_document(agreement_id=signed_agreement().pk)
        arguments = ("--from", f"{made.rendered_at - timedelta(days=1):%Y-%m-%d}")
        code, told = run(
            capsys, "revoke_seal_key", row.serial, *arguments, "--reason", "A laptop was stolen."
        )
        assert code == 0
        assert made.agreement.number in told
        assert "rotate_seal_key" in told
        assert row.invalid_from.time().isoformat() == "00:00:00"

    def test_what_is_missing_or_no_date_is_told(self, row, capsys):
        for wrong in ([], ["--from", "soon", "--reason", "x"], ["--from", "2026-01-01"]):
            with pytest.raises(CommandError, match="Error: "):
                call_command("revoke_seal_key", row.serial, *wrong)
        code, _ = run(capsys, "revoke_seal_key", "12", "--from", "2026-01-01", "--reason", "x")
        assert code == 1

    @pytest.mark.parametrize("with_list", [True, False])
    def test_verifying_knows_by_the_list_or_by_the_database(self, row, capsys, tmp_path, with_list):
        made = render_document(agreement_id=signed_agreement().pk)
        _declare_as_if_later(row, made)
        (tmp_path / "a.pdf").write_bytes(made.content)
        (tmp_path / "list.pem").write_text(certificates.published())
        more = ("--root", tmp_path / "list.pem") if with_list else ()
        code, told = run(capsys, "agreement_verify", tmp_path / "a.pdf", *more)
        assert code == (1 if with_list else 0)
        assert told.startswith("Not proven." if with_list else "Genuine.")
        assert with_list or "was declared invalid as of" in told

    def test_verifying_with_the_database_finds_a_forgery_before_anything_is_declared(
        self, row, capsys, tmp_path
    ):
        forged = seal_pdf(render_pdf(document_input()), prepare(), Role.SEAL)
        (tmp_path / "a.pdf").write_bytes(forged)
        code, told = run(capsys, "agreement_verify", tmp_path / "a.pdf")
        assert code == 1
        assert told.startswith(f"Not ours. {NOT_AMONG_OURS}")
