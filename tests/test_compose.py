"""Who is given what in the production shape: docker/compose.yaml."""

from pathlib import Path
from typing import Any

import pytest
import yaml

DOCKER = Path(__file__).parents[1] / "docker"
SERVICES: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
OWNER = {"portal.url", "portal.password"}


def secrets_of(service: str) -> set[str]:
    return set(SERVICES[service].get("secrets", []))


def test_only_what_migrates_and_gives_roles_is_the_databases_owner():
    holders = {name for name in SERVICES if secrets_of(name) & OWNER}
    assert holders == {"database", "prepare", "roles"}


@pytest.mark.parametrize(
    ("service", "role"),
    [
        ("prepare", "portal"),
        ("web", "portal_web"),
        ("beat", "portal_web"),
        ("worker", "portal_worker"),
    ],
)
def test_each_process_signs_in_to_the_database_as_itself_alone(service, role):
    named = SERVICES[service]["environment"]["CMED_DATABASE_URL_FILE"]
    assert named == f"/run/secrets/{role}.url"
    assert {each for each in secrets_of(service) if each.startswith("portal")} == {f"{role}.url"}


def test_the_keys_are_the_workers_alone():
    holders = {name for name in SERVICES if secrets_of(name) & {"seal_key", "log_key"}}
    assert holders == {"worker"}


@pytest.mark.parametrize("service", ["web", "worker", "beat"])
def test_nothing_starts_before_the_roles_are_what_they_should_be(service):
    assert "roles" in SERVICES[service]["depends_on"]
    assert "prepare" in SERVICES["roles"]["depends_on"]
    assert "/roles.sql" in SERVICES["roles"]["command"][-1]
    assert "./roles.sql:/roles.sql:ro" in SERVICES["roles"]["volumes"]
    assert (DOCKER / "roles.sql").is_file()


def test_no_other_way_leads_to_the_secrets():
    for name, service in SERVICES.items():
        mounts = [str(each) for each in service.get("volumes", [])]
        assert not any("secrets" in each for each in mounts), name


def test_what_was_signed_last_is_kept_in_a_volume_of_the_workers_alone():
    named = {
        name: service["environment"]["CMED_LOG_SIGNED_FILE"]
        for name, service in SERVICES.items()
        if "CMED_LOG_SIGNED_FILE" in service.get("environment", {})
    }
    assert named.keys() == {"worker"}
    volume, folder = "signed", str(Path(named["worker"]).parent)
    assert f"{volume}:{folder}" in SERVICES["worker"]["volumes"]
    for name in SERVICES.keys() - {"worker"}:
        assert not any(each.startswith(f"{volume}:") for each in SERVICES[name].get("volumes", []))
    # A volume takes over whose its folder is: the portal's user may write it, and nobody else.
    image = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
    made = next(line for line in image.split("&&") if f" {folder}" in line)
    assert "--owner=portal --mode=0700" in made


def test_the_worker_has_every_volume_that_the_web_has():
    assert set(SERVICES["web"]["volumes"]) < set(SERVICES["worker"]["volumes"])
