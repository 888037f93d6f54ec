"""The portal's own table of domains, and the files that come into it."""

import json
from pathlib import Path
from typing import Any

import pytest

from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.errors import Invalid
from requests_app.identity import institution_files, institutions
from requests_app.identity.models import InstitutionDomain
from requests_app.identity.verdict import Cause, RuleKind, Standing
from tests.factories.identity import InstitutionDomainFactory
from tests.factories.log import queries_of_an_entry


def csv_file(folder: Path, *lines: str, header: str = "domain,name,standing") -> Path:
    path = folder / "institutions.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def organisation(name: str, *domains: str, **changes: Any) -> dict[str, Any]:
    """A record as ROR's schema 2 has it."""
    record: dict[str, Any] = {
        "id": "https://ror.org/000000000",
        "status": "active",
        "types": ["facility"],
        "names": [
            {"value": "ALIAS", "types": ["acronym"], "lang": None},
            {"value": name, "types": ["ror_display", "label"], "lang": "en"},
        ],
        "domains": list(domains),
        "links": [],
        "relationships": [],
    }
    return record | changes


def ror_file(folder: Path, *records: Any) -> Path:
    path = folder / "v2-ror-data.json"
    path.write_text(json.dumps(records, indent=4), encoding="utf-8")
    return path


def website(url: str) -> list[dict[str, str]]:
    return [{"type": "wikipedia", "value": "http://w/"}, {"type": "website", "value": url}]


def domains(batch: institution_files.Batch) -> dict[str, str]:
    return {row.domain: row.name for row in batch.rows}


# --- reading --------------------------------------------------------------------------------------


def test_a_csv_file_is_read_with_domains_in_one_spelling(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "Hospital.Example.org,  St   Anna ,listed",
        "universität.example,Universität,",
        "spam.example,,deny",
        "edu,Every US college,allow",
    )
    batch = institution_files.read(path)
    assert [(row.domain, row.name, row.standing) for row in batch.rows] == [
        ("hospital.example.org", "St Anna", "listed"),
        ("xn--universitt-y5a.example", "Universität", "listed"),
        ("spam.example", "", "deny"),
        ("edu", "Every US college", "allow"),
    ]
    assert batch.curated


def test_a_csv_file_of_a_spreadsheet_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "institutions.CSV"
    path.write_bytes(b"\xef\xbb\xbfdomain,name\r\nlab.example,Lab\r\n")
    assert domains(institution_files.read(path)) == {"lab.example": "Lab"}


def test_every_fault_of_a_csv_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "fine.example,Fine,listed",
        "not a domain,X,listed",
        "lab.example,X,welcome",
        "ac.uk,X,listed",
        "fine.example,Other,deny",
        "line.example,A\u202eB,listed",
    )
    with pytest.raises(Invalid) as caught:
        institution_files.read(path)
    faults = caught.value.fields["rows"]
    assert [fault.split(":")[0] for fault in faults] == [f"Line {n}" for n in (3, 4, 5, 6, 7)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.txt", b"domain,name\n"),
        ("list.csv", b"who,what\nlab.example,Lab\n"),
        ("list.csv", b""),
        ("list.csv", b"domain,name\nlab.example,\xff\n"),
        ("dump.json", b"{}"),
        ("dump.json", b""),
        ("dump.json", b"[1, 2]"),
        ("dump.json", b'[{"status": "active"}, {"status": '),
        ("dump.json", b"<html>"),
        ("dump.json", b"[] trailing"),
    ],
)
def test_a_file_that_is_something_else_is_refused_with_a_sentence(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Invalid):
        institution_files.read(tmp_path / name)


def test_a_ror_dump_gives_recorded_domains_and_else_websites(tmp_path: Path) -> None:
    batch = institution_files.read(
        ror_file(
            tmp_path,
            organisation(
                "Lab One", "lab-one.org", "lab1.org", links=website("https://elsewhere.org")
            ),
            organisation("Lab Two", links=website("https://www.lab-two.org/")),
            organisation("Lab Three", links=website("http://xn--mnchen-3ya.example")),
        )
    )
    assert domains(batch) == {
        "lab-one.org": "Lab One",
        "lab1.org": "Lab One",
        "lab-two.org": "Lab Two",
        "xn--mnchen-3ya.example": "Lab Three",
    }
    assert not batch.curated
    assert {row.standing for row in batch.rows} == {RuleKind.LISTED}


def test_what_cannot_stand_for_one_institution_is_skipped_and_counted(tmp_path: Path) -> None:
    batch = institution_files.read(
        ror_file(
            tmp_path,
            organisation("Closed", "closed.org", status="inactive"),
            organisation("Suffix", "ac.uk"),
            organisation("Webmail", "gmail.com"),
            organisation("Throw-away", "mailinator.com"),
            organisation("Page", links=website("https://www.facebook.com/")),
            organisation("Path", links=website("https://university.example/lab")),
            organisation("Hosted", links=website("https://github.io")),
            organisation("Odd", "not a domain"),
            organisation("Broken", names="no list", domains=7),
            organisation("Bochum", "rub.de"),
        )
    )
    assert domains(batch) == {"rub.de": "Bochum"}
    assert dict(batch.skipped) == {
        "not active": 1,
        "public suffix": 2,
        "mail provider": 2,
        "shared host": 1,
        "not a domain name": 1,
        "unreadable record": 1,
    }


def test_a_shared_domain_goes_to_the_whole_and_not_to_its_part(tmp_path: Path) -> None:
    part = organisation("Clinic", "health.example", relationships=[{"type": "parent"}])
    whole = organisation("Health Service", "health.example")
    site = organisation("Friend", links=website("https://health.example"))
    batch = institution_files.read(ror_file(tmp_path, site, part, whole))
    assert domains(batch) == {"health.example": "Health Service"}


def test_records_are_found_wherever_the_chunks_of_a_large_file_end(
    tmp_path: Path, monkeypatch
) -> None:
    records = [organisation(f"Institute {n}", f"institute{n}.org") for n in range(30)]
    path = ror_file(tmp_path, *records)
    for size in (1, 7, 64, 1000):
        monkeypatch.setattr(institution_files, "_CHUNK", size)
        assert len(institution_files.read(path).rows) == 30


# --- loading --------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_loading_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    batch = institution_files.read(csv_file(tmp_path, "a.example,A,listed", "b.example,B,deny"))
    first = institutions.load(batch=batch, by=log.OPERATOR)
    assert (first.added, first.changed, first.unchanged) == (2, 0, 0)
    before = list(InstitutionDomain.objects.values())
    second = institutions.load(batch=batch, by=log.OPERATOR)
    assert (second.added, second.changed, second.unchanged) == (0, 0, 2)
    assert list(InstitutionDomain.objects.values()) == before


@pytest.mark.django_db
def test_a_load_changes_names_and_standings_and_leaves_one_entry(tmp_path: Path) -> None:
    InstitutionDomainFactory(domain="a.example", name="Old")
    batch = institution_files.read(csv_file(tmp_path, "a.example,New,allow"))
    loaded = institutions.load(batch=batch, by=log.OPERATOR)
    row = InstitutionDomain.objects.get()
    assert (row.name, row.standing, row.source) == ("New", "allow", "institutions.csv")
    entry = Entry.objects.get(kind=kinds.INSTITUTIONS_LOADED)
    assert entry.actor == log.OPERATOR.audit_ref
    assert entry.details["changed"] == loaded.changed == 1
    assert entry.details["sha256"] == batch.sha256


@pytest.mark.django_db
def test_public_records_never_overrule_the_operator(tmp_path: Path) -> None:
    InstitutionDomainFactory(domain="a.example", standing=InstitutionDomain.Standing.DENY)
    path = ror_file(tmp_path, organisation("A", "a.example"), organisation("B", "b.example"))
    loaded = institutions.load(batch=institution_files.read(path), by=log.OPERATOR)
    assert (loaded.added, loaded.kept) == (1, 1)
    assert InstitutionDomain.objects.get(domain="a.example").standing == "deny"


@pytest.mark.django_db
def test_nothing_is_loaded_where_the_entry_cannot_be_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delitem(kinds.KINDS, kinds.INSTITUTIONS_LOADED)
    batch = institution_files.read(csv_file(tmp_path, "a.example,A,listed"))
    with pytest.raises(KeyError):
        institutions.load(batch=batch, by=log.OPERATOR)
    assert not InstitutionDomain.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 3])
def test_loading_takes_one_insert_for_many_rows(count: int, django_assert_num_queries) -> None:
    rows = [institution_files.Row(f"i{n}.example", f"I {n}", "listed") for n in range(count)]
    batch = institution_files.Batch("x.csv", "0" * 64, curated=True, rows=rows)
    with django_assert_num_queries(4 + queries_of_an_entry()):
        institutions.load(batch=batch, by=log.OPERATOR)
    assert InstitutionDomain.objects.count() == count


# --- judging --------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_table_decides_for_a_domain_and_everything_below_it() -> None:
    InstitutionDomainFactory(domain="hospital.org", name="St Anna")
    outcome = institutions.judge("ada@mail.hospital.org")
    assert (outcome.standing, outcome.institution) == (Standing.INSTITUTION, "St Anna")
    assert institutions.judge("ada@my-hospital.org").cause is Cause.UNLISTED


@pytest.mark.django_db
def test_every_standing_of_the_table_is_a_kind_of_rule() -> None:
    assert set(InstitutionDomain.Standing.values) == {kind.value for kind in RuleKind}
    for standing in InstitutionDomain.Standing:
        InstitutionDomainFactory(domain=f"{standing}.example", standing=standing)
    found = institutions.TableRules().at([f"{kind}.example" for kind in RuleKind])
    assert {rule.kind for rule in found} == set(RuleKind)


@pytest.mark.django_db
def test_a_listed_neighbour_is_a_hint() -> None:
    InstitutionDomainFactory(domain="clinic.group.org", name="Clinic")
    outcome = institutions.judge("ada@shop.group.org")
    assert outcome.standing is Standing.UNKNOWN
    assert "Clinic" in outcome.reason


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "queries"), [("a@monash.edu", 1), ("a@nowhere-institute.org", 2)]
)
def test_a_verdict_takes_one_query_and_a_hint_another(
    address: str, queries: int, django_assert_num_queries
) -> None:
    with django_assert_num_queries(queries):
        institutions.judge(address)
