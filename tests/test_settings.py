"""The settings as a process meets them: each case starts one."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from cmed_portal.env import key_or_create

ROOT = Path(__file__).parents[1]
PRODUCTION = {
    "CMED_SHAPE": "production",
    "CMED_SECRET_KEY": "k" * 64,
    "CMED_DATABASE_URL": "postgres://portal@database.example/portal",
    "CMED_REDIS_URL": "redis://redis.example:6379",
    "CMED_BASE_URL": "https://portal.example",
    "CMED_EMAIL_HOST": "mail.example",
    "CMED_SEAL_KEY_FILE": "/run/secrets/seal_key",
    "CMED_LOG_KEY_FILE": "/run/secrets/log_key",
}


def settings_of(tmp_path, show, **environment):
    """Runs Python with these settings and returns what it printed and how it ended."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CMED_")}
    return subprocess.run(
        [sys.executable, "-c", f"from cmed_portal import settings as s; print({show})"],
        cwd=ROOT,
        env={**clean, "CMED_VAR_DIR": str(tmp_path / "var"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_embedded_shape_makes_its_own_key_that_only_its_user_can_read(tmp_path):
    first = settings_of(tmp_path, "s.SECRET_KEY")
    key = tmp_path / "var/keys/secret-key"
    assert first.stdout.strip() == key.read_text()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert settings_of(tmp_path, "s.SECRET_KEY").stdout == first.stdout


def test_the_production_shape_names_what_it_lacks_in_one_sentence(tmp_path):
    ended = settings_of(tmp_path, "1", CMED_SHAPE="production")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    for name in PRODUCTION.keys() - {"CMED_SHAPE"}:
        assert name in ended.stderr


def test_the_logs_name_does_not_follow_the_port(tmp_path):
    for port in ("8000", "8001"):
        address = f"http://127.0.0.1:{port}"
        assert settings_of(tmp_path, "s.LOG_ORIGIN", CMED_BASE_URL=address).stdout == (
            "127.0.0.1/log\n"
        )


@pytest.mark.parametrize(("said", "milliseconds"), [("", "30000"), ("?tcp_user_timeout=5", "5")])
def test_a_dead_line_to_the_database_is_given_up_unless_the_address_says_when(
    tmp_path, said, milliseconds
):
    shown = settings_of(
        tmp_path,
        "s.DATABASES['default']['OPTIONS']['tcp_user_timeout']",
        **PRODUCTION | {"CMED_DATABASE_URL": f"{PRODUCTION['CMED_DATABASE_URL']}{said}"},
    )
    assert shown.stdout.strip() == milliseconds


def test_the_production_shape_is_strict(tmp_path):
    expected = {
        "s.DATABASES['default']['ENGINE']": "django.db.backends.postgresql",
        "s.SESSION_COOKIE_SECURE": "True",
        "s.SECURE_SSL_REDIRECT": "True",
        "s.DEBUG": "False",
        "s.CACHES['default']['LOCATION']": "redis://redis.example:6379/1",
        "s.ALLOWED_HOSTS": "['portal.example']",
    }
    shown = settings_of(tmp_path, ", ".join([*expected, "sep='\\n'"]), **PRODUCTION)
    assert dict(zip(expected, shown.stdout.splitlines(), strict=True)) == expected


def test_a_secret_may_come_from_a_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("f" * 64 + "\n")
    settings = {name: value for name, value in PRODUCTION.items() if name != "CMED_SECRET_KEY"}
    shown = settings_of(tmp_path, "s.SECRET_KEY", **settings, CMED_SECRET_KEY_FILE=str(secret))
    assert shown.stdout.strip() == "f" * 64


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"CMED_GRANT_DAYS": "a year"}, "GRANT_DAYS"),
        ({"CMED_SHAPE": "staging"}, "CMED_SHAPE"),
        ({"CMED_LOG_ORIGIN": "the log"}, "CMED_LOG_ORIGIN"),
        ({"CMED_LOG_ORIGIN": "data+log"}, "CMED_LOG_ORIGIN"),
        ({"CMED_LOG_WITNESSES": "https://witness.example"}, "CMED_LOG_WITNESSES"),
        ({"CMED_LOG_MAILBOX": "ethics board"}, "CMED_LOG_MAILBOX"),
        ({"CMED_METRICS_TOKEN": "guessable"}, "CMED_METRICS_TOKEN"),
        ({"CMED_SECRET_KEY_FILE": "/nowhere/key"}, "SECRET_KEY_FILE"),
    ],
)
def test_a_wrong_value_ends_the_start_with_a_sentence(tmp_path, wrong, named):
    ended = settings_of(tmp_path, "1", **wrong)
    assert ended.returncode == 2
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_damaged_key_file_is_never_replaced(tmp_path, capsys):
    key = tmp_path / "key"
    key.write_text("short")
    with pytest.raises(SystemExit):
        key_or_create(key)
    assert "restore it from a backup" in capsys.readouterr().err
    assert key.read_text() == "short"


def test_an_unreadable_key_is_one_sentence(tmp_path, capsys):
    (tmp_path / "key").mkdir()
    with pytest.raises(SystemExit):
        key_or_create(tmp_path / "key")
    assert "cannot be read or created" in capsys.readouterr().err


def test_the_tests_never_touch_the_state_of_a_portal(settings):
    places = [settings.VAR_DIR, settings.FILES_DIR, settings.MAIL_DIR]
    if connection.vendor == "sqlite":
        places.append(connection.settings_dict["NAME"])
    for place in places:
        assert not Path(place).resolve().is_relative_to(ROOT)


def test_a_folder_of_files_does_not_pay_for_the_object_store(tmp_path):
    """boto3 takes 0.4 s and 28 MB to load."""
    loaded = "[__import__(m) for m in ('cmed_portal.wsgi', 'cmed_portal.urls', 'sys')]"
    shown = settings_of(tmp_path, f"'boto3' in {loaded}[2].modules")
    assert shown.stdout.strip() == "False"
