"""`audit_export` as an operator runs it."""

import csv
import json
from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from requests_app.audit import kinds, log
from requests_app.audit.models import Entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries():
    with time_machine.travel(timezone.now() - timedelta(days=2)):
        old = log.record(kinds.GRANT_REVOKED, by=log.SYSTEM, on=log.Named("grant:1"), reason="Ä")
    new = log.record(kinds.SIGNED_IN, by=log.ANYONE, on=log.Named("user:7"), method="password")
    return old, new


def ids(path):
    return [json.loads(line)["id"] for line in path.read_text().splitlines()[1:]]


def test_everything_that_is_there_is_exported_and_the_export_entered(entries, tmp_path, capsys):
    call_command("audit_export", str(tmp_path / "log.jsonl"))
    assert ids(tmp_path / "log.jsonl")[:2] == [entry.pk for entry in entries]
    assert Entry.objects.latest("pk").kind == kinds.LOG_EXPORTED
    assert Entry.objects.latest("pk").actor == "operator"
    call_command("audit_export", str(tmp_path / "log.csv"), "--json")
    with (tmp_path / "log.csv").open(newline="") as table:
        assert [int(row["id"]) for row in csv.DictReader(table)][:2] == [e.pk for e in entries]
    assert '"format": "csv"' in capsys.readouterr().out


def test_what_people_are_called_is_for_nobody_else_on_the_machine(entries, tmp_path):
    call_command("audit_export", str(tmp_path / "log.csv"))
    assert (tmp_path / "log.csv").stat().st_mode & 0o777 == 0o600


def test_a_part_is_chosen_by_day_kind_and_trail(entries, tmp_path):
    old, new = entries
    today = str(timezone.now().date())
    for number, (chosen, expected) in enumerate(
        [
            (["--until", today], old),
            (["--since", today, "--kind", kinds.SIGNED_IN], new),
            (["--kind", kinds.GRANT_REVOKED], old),
            (["--trail", "user:7"], new),
        ]
    ):
        path = tmp_path / f"{number}.jsonl"
        call_command("audit_export", str(path), *chosen)
        assert ids(path) == [expected.pk], chosen


@pytest.mark.parametrize(
    "wrong", [["log.exe"], ["log.csv", "--since", "yesterday"], ["log.csv", "--kind", "x"]]
)
def test_what_makes_no_sense_is_bad_usage(wrong, tmp_path):
    with pytest.raises(CommandError):
        call_command("audit_export", str(tmp_path / wrong[0]), *wrong[1:])
    assert not Entry.objects.exists()
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over_and_nothing_left_half_written(entries, tmp_path):
    there = tmp_path / "log.csv"
    there.write_text("mine")
    with pytest.raises(CommandError, match="already"):
        call_command("audit_export", str(there))
    assert there.read_text() == "mine"
    with pytest.raises(CommandError):
        call_command("audit_export", str(tmp_path / "no" / "folder.csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]
