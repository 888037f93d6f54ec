"""Which container is given which secret."""

from pathlib import Path

import yaml

COMPOSE = yaml.safe_load((Path(__file__).parents[1] / "docker/compose.yaml").read_text())


def test_the_keys_of_the_seal_and_of_the_log_are_given_to_the_worker_alone():
    for key in ("seal_key", "log_key"):
        given = {
            name
            for name, service in COMPOSE["services"].items()
            if key in service.get("secrets", [])
        }
        assert given == {"worker"}


def test_no_other_way_leads_to_them():
    for name, service in COMPOSE["services"].items():
        mounts = [str(each) for each in service.get("volumes", [])]
        assert not any("secrets" in each for each in mounts), name
