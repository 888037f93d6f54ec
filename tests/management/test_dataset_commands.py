"""load_dataset, publish_release and seed_demo at the terminal: what they print and how they end."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from requests_app.datasets.models import Dataset, Release
from requests_app.distribution.storage import staging
from requests_app.management.commands.load_dataset import Command as LoadDataset
from requests_app.management.commands.publish_release import Command as PublishRelease
from requests_app.management.commands.seed_demo import Command as SeedDemo
from requests_app.management.commands.seed_demo import shipped_card
from tests.factories.datasets import release_folder, write_card


@pytest.fixture(autouse=True)
def var(tmp_path, settings, monkeypatch) -> Path:
    settings.VAR_DIR = tmp_path / "var"
    settings.FILES_DIR = tmp_path / "var" / "files"
    monkeypatch.setattr(staging, "settle", lambda: None)
    return tmp_path / "var"


@pytest.fixture
def card(tmp_path) -> str:
    return str(write_card(tmp_path / "card.toml", daa="cmed-daa-1"))


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def failure(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value.returncode, str(caught.value)


@pytest.mark.django_db
def test_load_dataset_says_what_it_did(card):
    assert run("load_dataset", card) == "Gulls: moods of gulls (gulls): created.\n"
    result = json.loads(run("load_dataset", card, "--json"))
    assert result["outcome"] == "unchanged"
    assert result["card_sha256"] == Dataset.objects.get().card_sha256


@pytest.mark.django_db
def test_load_dataset_names_each_fault_on_its_own_line(tmp_path):
    path = write_card(tmp_path / "bad.toml", year=1, slug="?")
    code, text = failure("load_dataset", str(path))
    assert code == 1
    assert len(text.splitlines()) == 2


@pytest.mark.django_db
def test_publish_release_says_what_it_did(card, tmp_path):
    run("load_dataset", card)
    folder = str(release_folder(tmp_path / "release"))
    text = run("publish_release", folder, "--dataset", "gulls", "--version", "1.0")
    release = Release.objects.get()
    assert text.startswith("Release 1.0 of gulls is published: 5 files, ")
    assert release.manifest_sha256 in text
    assert not release.is_synthetic
    again = ("publish_release", folder, "--dataset", "gulls", "--version", "2.0")
    result = json.loads(run(*again, "--json", "--synthetic"))
    assert (result["version"], result["files"], result["synthetic"]) == ("2.0", 5, True)


@pytest.mark.django_db
def test_publish_release_ends_with_1_when_the_folder_disagrees(card, tmp_path):
    run("load_dataset", card)
    folder = release_folder(tmp_path / "release")
    for number in (1, 2):
        (folder / f"stray-{number}.mp4").write_text("clip")
    code, text = failure("publish_release", str(folder), "--dataset", "gulls", "--version", "1.0")
    assert code == 1
    assert text.splitlines() == [
        "stray-1.mp4 is in the folder but has no row in labels.csv.",
        "stray-2.mp4 is in the folder but has no row in labels.csv.",
    ]


@pytest.mark.django_db
def test_publish_release_ends_with_1_when_the_version_is_taken(card, tmp_path):
    run("load_dataset", card)
    command = ("publish_release", str(release_folder(tmp_path / "release")))
    command += ("--dataset", "gulls", "--version", "1.0")
    run(*command)
    code, text = failure(*command)
    assert code == 1
    assert "is published and cannot change" in text


@pytest.mark.django_db
def test_publish_release_ends_with_2_for_an_unknown_dataset(tmp_path):
    folder = str(release_folder(tmp_path / "release"))
    code, text = failure("publish_release", folder, "--dataset", "terns", "--version", "1.0")
    assert code == 2
    assert "There is no dataset “terns”" in text


@pytest.mark.django_db
def test_verify_release_names_what_differs_and_ends_with_1(card, tmp_path, var):
    run("load_dataset", card)
    folder = str(release_folder(tmp_path / "release"))
    run("publish_release", folder, "--dataset", "gulls", "--version", "1.0")
    text = run("verify_release", "gulls", "1.0")
    assert text.startswith("Release 1.0 of gulls is as published: 5 files, ")
    (var / "files/gulls/1.0/README.txt").unlink()
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("verify_release", "gulls", "1.0", stdout=out)
    assert caught.value.returncode == 1
    assert "  README.txt is missing\n" in out.getvalue()
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("verify_release", "gulls", "1.0", "--json", stdout=out)
    (difference,) = json.loads(out.getvalue())["differences"]
    assert (difference["path"], difference["kind"]) == ("README.txt", "missing")


@pytest.mark.django_db
def test_verify_release_ends_with_2_for_a_release_that_is_not_there():
    assert failure("verify_release", "gulls", "9.9") == (2, "There is no release 9.9 of “gulls”.")


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        (LoadDataset, [], "CARD"),
        (LoadDataset, ["nowhere.toml"], "there is no file nowhere.toml"),
        (PublishRelease, ["."], "--dataset"),
        (PublishRelease, ["nowhere", "--dataset", "a", "--version", "1.0"], "there is no folder"),
        (PublishRelease, [".", "--dataset", "a", "--version", "one"], "write it like 1.0"),
        (SeedDemo, ["--card", "nowhere.toml"], "there is no file nowhere.toml"),
        (SeedDemo, ["--size", "3"], "--size"),
    ],
)
def test_bad_usage_ends_with_2_and_says_what_is_wrong(command, arguments, sentence, capsys):
    typed = command()
    typed._called_from_command_line = True
    parser = typed.create_parser("manage.py", "command")
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(arguments)
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.django_db
def test_seed_demo_says_what_there_is_and_prints_no_password(card, var):
    first = run("seed_demo", "--card", card)
    assert first.startswith("Made: release 1.0 of gulls (synthetic), 11 files, ")
    again = run("seed_demo", "--card", card)
    assert again.startswith("There already: release 1.0 of gulls (synthetic)")
    result = json.loads(run("seed_demo", "--card", card, "--json"))
    assert not result["changed"]
    assert result["accounts_file"] == str(var / "demo-accounts.json")
    kept = json.loads((var / "demo-accounts.json").read_text())["accounts"]
    assert [a["email"] for a in result["accounts"]] == [a["email"] for a in kept]
    assert not any(a["password"] in first + again + json.dumps(result) for a in kept)


@pytest.mark.django_db
def test_seed_demo_ends_with_1_in_the_production_shape(card, settings):
    settings.EMBEDDED = False
    code, text = failure("seed_demo", "--card", card)
    assert code == 1
    assert "embedded shape only" in text


@pytest.mark.django_db
def test_a_disk_that_fails_is_a_sentence(card, var):
    var.write_text("a file where a folder should be")
    code, text = failure("seed_demo", "--card", card)
    assert code == 1
    assert text.startswith("It was not done: ")


def test_the_shipped_card_is_the_demo():
    assert shipped_card().name == "cmed.toml"
