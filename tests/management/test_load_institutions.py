"""load_institutions at the terminal: what it prints and how it ends."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.identity.models import InstitutionDomain

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("load_institutions", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "ours.csv"
    path.write_text("domain,name,standing\nlab.example,Lab,allow\nspam.example,,deny\n")
    return path


def test_it_says_what_it_did_and_the_same_again_changes_nothing(table: Path) -> None:
    assert run(str(table)) == "ours.csv: 2 added, 0 changed, 0 unchanged, 0 kept.\n"
    result = json.loads(run(str(table), "--json"))
    assert (result["added"], result["unchanged"]) == (0, 2)
    assert result.keys() == {
        "source", "sha256", "added", "changed", "unchanged", "kept", "skipped",
    }  # fmt: skip
    assert InstitutionDomain.objects.count() == 2
    assert Entry.objects.filter(kind=kinds.INSTITUTIONS_LOADED).count() == 2


def test_what_a_dump_holds_and_cannot_be_used_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "ror.json"
    records = [{"status": "active", "domains": ["gmail.com", "lab.example"], "names": []}]
    path.write_text(json.dumps(records))
    assert run(str(path)).splitlines() == [
        "ror.json: 1 added, 0 changed, 0 unchanged, 0 kept.",
        "  skipped 1: mail provider",
    ]


def test_a_faulty_file_ends_with_1_a_line_for_each_fault_and_nothing_loaded(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(
        "domain,name,standing\nlab.example,Lab,allow\nlab,X,listed\nx.example,X,maybe\n"
    )
    with pytest.raises(CommandError) as caught:
        run(str(path))
    assert caught.value.returncode == 1
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["Line 3", "Line 4"]
    assert not InstitutionDomain.objects.exists()


def test_a_file_that_is_not_there_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no file"):
        run(str(tmp_path / "nothing.csv"))
