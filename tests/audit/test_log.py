import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from requests_app.audit import checkpoints, kinds, log
from requests_app.audit.canonical import commitment
from requests_app.audit.guard import MAY_BE_EMPTIED
from requests_app.audit.guarded import GUARDED
from requests_app.audit.models import Entry, Leaf, PersonalValue, SignedCheckpoint
from requests_app.audit.origin import Origin, acting_from

pytestmark = pytest.mark.django_db


def an_entry() -> Entry:
    return log.record(
        kinds.ACCOUNT_CREATED,
        by=log.ANYONE,
        on=log.Named("user:7"),
        standing="institution",
        domain="example.edu",
        email="ada@example.edu",
    )


def test_an_entry_says_who_did_what_on_what_when_and_from_where():
    with acting_from(Origin(ip="192.0.2.7", user_agent="curl/8")):
        entry = an_entry()
    assert (entry.actor, entry.kind, entry.subject, entry.trail) == (
        "anyone",
        "applicant:account:created",
        "user:7",
        "user:7",
    )
    assert entry.at.utcoffset().total_seconds() == 0
    assert entry.details == {"standing": "institution", "domain": "example.edu"}
    personal = {item.field: item.value for item in entry.personal_values.all()}
    assert personal == {"email": "ada@example.edu", "ip": "192.0.2.7", "user_agent": "curl/8"}


def test_a_reference_longer_than_a_trail_stands_in_full_and_is_filed_under_its_beginning():
    longest = log.Named(f"institution_domain:{'a' * 253}")
    entry = log.record(
        kinds.INSTITUTION_RULED, by=log.OPERATOR, on=longest, standing="deny", previous="", name=""
    )
    entry.refresh_from_db()
    assert entry.subject == longest.audit_ref
    assert entry.trail == longest.audit_ref[: Entry._meta.get_field("trail").max_length]


def test_one_entry_is_written_as_many_are(django_assert_num_queries):
    """On PostgreSQL one alone takes one statement, and what it leaves is the same."""
    act = log.Act(
        kinds.REQUEST_REJECTED,
        by=log.Named("user:7"),
        on=log.Named("access_request:1"),
        details={"from": "submitted", "to": None, "reason": "“Ünclear”, it's 100 %s"},
        source=Origin("192.0.2.7", "curl/8"),
    )
    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 3):
        log.record_all([act])
    log.record_all([act, act])
    told = []
    for entry in Entry.objects.order_by("pk"):
        values = {item.field: item for item in entry.personal_values.all()}
        for name, item in values.items():
            assert entry.commitments[name] == commitment(item.salt, item.value)
        assert entry.commitments.keys() == values.keys()
        assert entry.unsequenced
        said = sorted((name, item.value) for name, item in values.items())
        told.append((entry.kind, entry.actor, entry.subject, entry.trail, entry.details, said))
    assert len(told) == 3
    assert told[0] == told[1] == told[2]


def test_many_entries_come_in_the_order_of_their_acts_each_with_its_own_values():
    acts = [
        log.Act(
            kinds.REQUEST_REJECTED,
            by=log.Named(f"user:{n}"),
            on=log.Named(f"access_request:{n}"),
            details={"from": n, "to": 2**53 - 1 - n, "reason": f"{n}"},
            source=Origin(f"192.0.2.{n % 250}", f"tool/{n}" if n % 3 else ""),
        )
        for n in range(300)
    ]
    told = [entry.pk for entry in log.record_all(acts)]
    entries = list(Entry.objects.order_by("pk").prefetch_related("personal_values"))
    assert [entry.pk for entry in entries] == told
    for act, entry in zip(acts, entries, strict=True):
        assert (entry.actor, entry.trail) == (act.by.audit_ref, act.on.audit_ref)
        values = {item.field: item.value for item in entry.personal_values.all()}
        origin = {"ip": act.source.ip, "user_agent": act.source.user_agent}
        assert entry.details | values == act.details | {k: v for k, v in origin.items() if v}
        for item in entry.personal_values.all():
            assert entry.commitments[item.field] == commitment(item.salt, item.value)


def test_personal_values_stay_out_of_the_entry_but_are_committed_to():
    entry = an_entry()
    assert "ada@" not in f"{entry.details}{entry.commitments}{entry.subject}"
    for item in entry.personal_values.all():
        assert entry.commitments[item.field] == commitment(item.salt, item.value)


def test_a_personal_value_may_be_erased_and_the_entry_stays():
    entry = an_entry()
    entry.personal_values.all().delete()
    assert Entry.objects.get(pk=entry.pk).personal_fields == ["email"]


def test_an_entry_without_personal_values_cannot_be_told_by_its_public_hash():
    """Two that say the same under the same number and time would still have different leaves."""
    first, second = (
        log.record(kinds.GRANT_GIVEN_UP, by=log.SYSTEM, on=log.SYSTEM) for _ in range(2)
    )
    for entry in (first, second):
        assert not entry.personal_values.exists()
        assert entry.personal_fields == []
    assert len(first.commitments["blinding"]) == 64
    assert first.commitments != second.commitments
    assert "blinding" not in {name for fields in kinds.KINDS.values() for name in fields.personal}


def test_an_undeclared_field_is_refused():
    with pytest.raises(ValueError, match="does not declare secret"):
        log.record(kinds.ACCOUNT_CREATED, by=log.ANYONE, on=log.SYSTEM, secret="x")
    assert not Entry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_the_deeds_transaction_is_refused():
    with pytest.raises(RuntimeError, match="transaction of the deed"):
        an_entry()


REFUSALS = [(table, operation) for table, refused in GUARDED.items() for operation in refused]
if connection.vendor == "postgresql":
    REFUSALS += [(table, "TRUNCATE") for table in GUARDED]
else:
    REFUSALS += [(table, "REPLACE") for table in GUARDED]


@pytest.mark.parametrize(("table", "operation"), REFUSALS)
def test_the_database_itself_refuses_to_change_evidence(table, operation):
    """A trigger guards each table: SQLite's fire per row, so the triggers are asked for by name."""
    with connection.cursor() as cursor:
        names = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
            "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'",  # a replica's too
        }[connection.vendor]
        cursor.execute(names)
        present = {name for (name,) in cursor.fetchall()}
    emptied = operation == "UPDATE" and table in MAY_BE_EMPTIED
    ending = "_rows" if emptied and connection.vendor == "postgresql" else ""
    assert f"{table}_no_{operation.lower()}{ending}" in present
    if connection.vendor == "postgresql" and not emptied:
        model = next(each for each in apps.get_models() if each._meta.db_table == table)
        column = "body" if table.endswith("text") else model._meta.pk.column
        statement = {
            "UPDATE": f'UPDATE "{table}" SET "{column}" = "{column}"',
            "DELETE": f'DELETE FROM "{table}"',
            "TRUNCATE": f'TRUNCATE "{table}" CASCADE',
        }[operation]
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            connection.cursor().execute(statement)


def test_raw_sql_cannot_change_or_delete_an_entry():
    an_entry()
    for statement in (
        "UPDATE requests_app_entry SET actor = 'user:1'",
        "DELETE FROM requests_app_entry",
        "UPDATE requests_app_personalvalue SET salt = ''",
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            connection.cursor().execute(statement)
    assert Entry.objects.get().actor == "anyone"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite knows INSERT OR REPLACE")
def test_no_row_takes_the_place_of_another():
    """REPLACE fires no trigger on DELETE: by the key of a row, or by its unique columns."""
    an_entry()
    for statement in (
        "REPLACE INTO requests_app_entry"
        " SELECT id, at, kind, 'user:1', subject, trail, details, commitments"
        " FROM requests_app_entry",
        "INSERT OR REPLACE INTO requests_app_personalvalue (entry_id, field, value, salt)"
        " SELECT entry_id, field, '\"x\"', salt FROM requests_app_personalvalue",
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            connection.cursor().execute(statement)
    assert Entry.objects.get().actor == "anyone"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite has hidden row numbers")
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO requests_app_signedcheckpoint (rowid, size, note, vkey, made_at)"
        " SELECT rowid, 999, note, vkey, made_at FROM requests_app_signedcheckpoint",
        "INSERT OR REPLACE INTO requests_app_leaf (_rowid_, place, entry_id, hash)"
        " SELECT rowid, 999, entry_id + 1, hash FROM requests_app_leaf WHERE place = 0",
    ],
)
def test_no_row_takes_the_place_of_another_by_its_hidden_number(statement):
    an_entry()
    checkpoints.seal()
    an_entry()  # without a place yet, for the second statement
    before = [list(model.objects.values()) for model in (Leaf, SignedCheckpoint)]
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)
    assert [list(model.objects.values()) for model in (Leaf, SignedCheckpoint)] == before


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has these ways")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE above SET actor = 'user:1'",
        "DELETE FROM above",
        "TRUNCATE above CASCADE",
        "SET LOCAL session_replication_role = replica; UPDATE requests_app_entry SET actor = 'x'",
        "SET LOCAL session_replication_role = replica; TRUNCATE requests_app_entry CASCADE",
        "TRUNCATE requests_app_personalvalue",
    ],
)
def test_neither_a_table_above_nor_a_replicas_session_is_a_way_around(statement):
    an_entry()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("CREATE TABLE above (LIKE requests_app_entry)")
        cursor.execute("ALTER TABLE requests_app_entry INHERIT above")
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(statement)
    assert Entry.objects.get().actor == "anyone"
    assert PersonalValue.objects.exists()


def test_no_verb_of_the_orm_changes_an_entry():
    entry = an_entry()
    entry.actor = "user:1"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        entry.save()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Entry.objects.filter(pk=entry.pk).update(actor="user:1")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        PersonalValue.objects.update(value="x")


def test_every_kind_is_source_subject_action():
    for kind in kinds.KINDS:
        assert len(kind.split(":")) == 3
    named = {value for name, value in vars(kinds).items() if name.isupper() and name != "KINDS"}
    assert named == set(kinds.KINDS)
