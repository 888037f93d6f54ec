"""The roles that production runs under: docker/roles.sql on a real PostgreSQL."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from psycopg.errors import InsufficientPrivilege

from requests_app.agreements.documents import render_document
from requests_app.agreements.signing import sign
from requests_app.audit import checkpoints, log, sequencing
from requests_app.audit.guard import MAY_BE_EMPTIED, UPDATE
from requests_app.audit.guarded import GUARDED
from requests_app.audit.models import PersonalValue
from requests_app.audit.verifying import verify
from requests_app.distribution import countersigning, links, manifest_signatures
from requests_app.distribution.models import Grant
from requests_app.lifecycle import forgetting, revocation, sweep
from requests_app.notifications import delivery
from requests_app.notifications.models import Message
from requests_app.review.decisions import approve
from tests.factories.agreements import ready_request, signature
from tests.factories.distribution import make_link, make_release
from tests.factories.identity import PASSWORD
from tests.factories.requests import approver, auditor
from tests.factories.roles import ROLES, address, give_rights

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has no roles; run with -p tests.on_postgres"
)

OF_THE_SEAL = (
    "sealcertificate",
    "sealrevocation",
    "agreementdocument",
    "issueddocument",
    "manifestsignature",
)
OF_THE_SEALER = ("leaf", "treenode", "signedcheckpoint", "witnesssignature", "checkpointpost")


@pytest.fixture(scope="session")
def roles(django_db_setup) -> None:
    give_rights()


@pytest.fixture(params=ROLES)
def connected(request, roles) -> Iterator[psycopg.Connection]:
    """A connection of its own, signed in as one of the roles."""
    with psycopg.connect(address(request.param), autocommit=True) as session:
        yield session


def refused(session: psycopg.Connection, statement: str) -> bool:
    try:
        session.execute(statement)
    except InsufficientPrivilege:
        return True
    return False


def column_of(session: psycopg.Connection, table: str) -> str:
    found = session.execute(f"SELECT * FROM {table} LIMIT 0").description
    return found[0].name


def test_what_the_triggers_refuse_and_the_triggers_themselves_are_out_of_reach(connected):
    allowed = []
    for table, guarded in GUARDED.items():
        column = column_of(connected, table)
        statements = [
            f"UPDATE {table} SET {column} = {column}",
            f"TRUNCATE {table} CASCADE",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            f"ALTER TABLE {table} ADD COLUMN more int",
            f"ALTER TABLE {table} OWNER TO {connected.info.user}",
            f"CREATE TRIGGER more BEFORE INSERT ON {table} EXECUTE FUNCTION portal_append_only()",
            f"DROP TABLE {table} CASCADE",
            *(f"DROP TRIGGER {table}_no_{each.lower()}_rows ON {table}" for each in guarded),
        ]
        if "DELETE" in guarded:
            statements.append(f"DELETE FROM {table}")
        allowed += [each for each in statements if not refused(connected, each)]
    assert not allowed


def test_the_ways_around_the_triggers_are_closed(connected):
    owner = connection.settings_dict["USER"] or "postgres"
    for statement in (
        "SET session_replication_role = replica",
        f"SET ROLE {owner}",
        "CREATE TABLE mine (x int)",
        "CREATE TEMPORARY TABLE requests_app_entry (x int)",
        "SELECT setval('requests_app_entry_id_seq', 1)",
        "CREATE OR REPLACE FUNCTION portal_append_only() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN RETURN NEW; END'",
        "DROP FUNCTION portal_append_only() CASCADE",
        "CREATE ROLE more",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'x', now())",
    ):
        assert refused(connected, statement), statement


def test_no_table_can_be_truncated_and_few_deleted_from(connected):
    """Derived from the catalogue, so that a new table is deleted from only if the file says so."""
    role = connected.info.user
    rights = dict(
        connected.execute(
            "SELECT c.relname, array(SELECT p FROM unnest(%s::text[]) p"
            " WHERE has_table_privilege(%s, c.oid, p))"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname = 'public'",
            [["DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"], role],
        ).fetchall()
    )
    assert {right for held in rights.values() for right in held} == {"DELETE"}
    deleted_from = {table for table, held in rights.items() if held}
    assert "django_session" in deleted_from
    erased = {"requests_app_personalvalue", "requests_app_message", "requests_app_unsequenced"}
    assert erased & deleted_from == (erased if role == "portal_worker" else set())
    assert not deleted_from & {t for t, guarded in GUARDED.items() if "DELETE" in guarded}
    assert len(deleted_from) <= 9


def test_of_a_guarded_table_the_worker_may_write_what_may_be_emptied_and_nobody_else_anything(
    connected,
):
    role = connected.info.user
    writable = connected.execute(
        "SELECT table_name, column_name FROM information_schema.column_privileges"
        " WHERE grantee = %s AND privilege_type = 'UPDATE' AND table_name = ANY(%s)",
        [role, [table for table, guarded in GUARDED.items() if UPDATE in guarded]],
    ).fetchall()
    emptied = {(table, name) for table, names in MAY_BE_EMPTIED.items() for name in names}
    assert set(writable) == (emptied if role == "portal_worker" else set())


def test_the_web_puts_nothing_into_its_place_and_signs_nothing(roles):
    with psycopg.connect(address("portal_web"), autocommit=True) as session:
        for name in OF_THE_SEALER:
            table = f"requests_app_{name}"
            assert refused(session, f"INSERT INTO {table} DEFAULT VALUES"), table
        assert refused(session, "DELETE FROM requests_app_personalvalue")
        assert refused(session, "UPDATE requests_app_unsequenced SET entry_id = entry_id")


def test_the_web_adds_no_certificate_and_no_document(roles):
    with psycopg.connect(address("portal_web"), autocommit=True) as session:
        for name in OF_THE_SEAL:
            table = f"requests_app_{name}"
            assert refused(session, f"INSERT INTO {table} DEFAULT VALUES"), table


def test_a_guarded_table_is_one_that_a_trigger_guards(roles):
    """The file finds the tables by their triggers; `GUARDED` is what they were made from."""
    with psycopg.connect(address()) as session:
        found = session.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger"
            " WHERE tgfoid = 'portal_append_only()'::regprocedure AND tgtype & 16 <> 0"
        ).fetchall()
    assert {table for (table,) in found} == {t for t, g in GUARDED.items() if UPDATE in g}


@contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Within, the portal has the rights of a role and no others."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {role}")
        yield
        cursor.execute("RESET ROLE")


def read(client: Client, url: str, **extra: str) -> bytes:
    response = client.get(url, **extra)
    assert response.status_code == 200, url
    return b"".join(response)


@pytest.mark.django_db
def test_the_way_through_works_under_the_roles(roles, mailoutbox):
    with acting_as("portal_web"):
        visitor = Client()
        data = {"email": "ada@ox.ac.uk", "password1": PASSWORD, "password2": PASSWORD}
        assert visitor.post(reverse("account_signup"), data).status_code == 302
        access_request = ready_request()
        release = make_release(access_request.dataset, files={"clips/1.mp4": b"clip"})
        agreement = sign(**signature(access_request))
        decides, reads = approver(access_request.dataset), auditor()
    with acting_as("portal_worker"):
        render_document(agreement_id=agreement.pk)
        manifest_signatures.sign_manifest(release_id=release.pk)
        checkpoints.seal()
    with acting_as("portal_web"):
        approve(
            access_request_id=access_request.pk,
            agreement_id=agreement.pk,
            by=decides,
            reason="Sound.",
        )
    grant = Grant.objects.get()
    with acting_as("portal_worker"):
        countersigning.countersign(grant_id=grant.pk)
        links.ensure_link(grant_id=grant.pk)
        for message in Message.objects.filter(sent_at=None):
            assert delivery.deliver(message_id=str(message.pk))
        sweep.sweep()
        checkpoints.seal()
    assert len(mailoutbox) == Message.objects.count() > 4
    with acting_as("portal_web"):
        _, token = make_link(grant)
        assert read(Client(), f"/d/{token}/files/clips/1.mp4") == b"clip"
        holder, staff = Client(), Client()
        holder.force_login(grant.applicant)
        staff.force_login(reads)
        read(holder, reverse("request_detail", args=[access_request.pk]))
        read(holder, reverse("request_agreement", args=[access_request.pk]))
        read(staff, reverse("admin:requests_app_entry_changelist"))
        exported = read(staff, reverse("admin:requests_app_entry_export", args=["jsonl"]))
        assert json.loads(exported.splitlines()[0])["checkpoint"]
        revocation.revoke_grant(
            access_request_id=access_request.pk, grant_id=grant.pk, by=decides, reason="Enough."
        )
    with acting_as("portal_worker"):
        person = grant.applicant
        done = forgetting.forget(user_id=person.pk, by=log.OPERATOR, reason="Asked to be.")
        assert done.values
        assert [kept.number for kept in done.kept] == [agreement.number]
        forgetting.apply_retention()
        checkpoints.seal()
    with acting_as("portal_web"):
        read(Client(), reverse("log_checkpoint"))
        assert verify(progress=lambda *_: None).waiting == 0
        assert not sequencing.waiting_since()
        assert PersonalValue.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_command_that_belongs_into_the_workers_container_says_so(roles):
    person = ready_request().applicant
    with acting_as("portal_web"), pytest.raises(CommandError, match="the worker's"):
        call_command("forget_person", person.email, "--reason", "Asked to be.")
    person.refresh_from_db()
    assert person.pseudonymised_at is None
    with acting_as("portal_worker"):
        call_command("forget_person", person.email, "--reason", "Asked to be.")
    person.refresh_from_db()
    assert person.pseudonymised_at is not None
