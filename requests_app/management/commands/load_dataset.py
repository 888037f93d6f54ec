"""`manage.py load_dataset CARD`: create a dataset from its card, or bring it up to date."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from requests_app.agreements.loading import load_card
from requests_app.audit import log
from requests_app.management.command import PortalCommand, existing_file


class Command(PortalCommand):
    help = "Create the dataset that a card file (TOML) describes, or bring it up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("card", metavar="CARD", type=existing_file, help="the card file")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        loaded = load_card(card_path=options["card"], by=log.OPERATOR)
        return {
            "dataset": loaded.dataset.slug,
            "title": loaded.dataset.title,
            "outcome": loaded.outcome.value,
            "card_sha256": loaded.dataset.card_sha256,
        }

    def describe(self, result: dict[str, Any]) -> str:
        return f"{result['title']} ({result['dataset']}): {result['outcome']}."
