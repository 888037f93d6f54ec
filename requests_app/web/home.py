"""The public pages: the dataset as people read it, and as programs do."""

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from requests_app import conf
from requests_app.datasets import citation, metadata
from requests_app.datasets.card import Card, card_from
from requests_app.datasets.models import Dataset, Release
from requests_app.errors import NotFound
from requests_app.web.chart import class_chart

# Kind of citation file: what writes it and its media type. RIS and BibTeX have no registered type.
CITATIONS: dict[str, tuple[Callable[[Card], str], str]] = {
    "bib": (citation.bibtex, "application/x-bibtex"),
    "ris": (citation.ris, "application/x-research-info-systems"),
    "cff": (citation.cff, "application/yaml"),
}


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Shows what the dataset is, how to obtain access and how to cite it."""
    dataset, card = _current()
    release = _newest(dataset)
    description = metadata.schema_org(card, page_url=_page_url(), release=_facts(release))
    context = {
        "card": card,
        "release": release,
        "chart": class_chart(card),
        "title_words": card.title.split(),
        "citation": citation.plain(card),
        "bibtex": citation.bibtex(card),
        "page_url": _page_url(),
        # for_script_element leaves no character that could end the element.
        "json_ld": mark_safe(metadata.for_script_element(description)),  # noqa: S308
    }
    return render(request, "web/home.html", context)


@require_safe
def citation_file(request: HttpRequest, kind: str) -> HttpResponse:
    """Sends the citation as a file; ``kind`` is a key of ``CITATIONS``."""
    _, card = _current()
    write, media_type = CITATIONS[kind]
    return HttpResponse(
        write(card),
        content_type=f"{media_type}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{card.slug}.{kind}"'},
    )


@require_safe
def croissant(request: HttpRequest) -> HttpResponse:
    """Sends the Croissant 1.0 description (JSON-LD)."""
    dataset, card = _current()
    data = metadata.croissant(card, page_url=_page_url(), release=_facts(_newest(dataset)))
    body = json.dumps(data, ensure_ascii=False, indent=2)
    return HttpResponse(body, content_type="application/ld+json")


def _current() -> tuple[Dataset, Card]:
    dataset = Dataset.objects.order_by("pk").first()
    if dataset is None:
        raise NotFound(
            "No dataset is offered here yet. Whoever runs this portal adds one with"
            " “manage.py load_dataset”."
        )
    return dataset, card_from(dataset.card)


def _newest(dataset: Dataset) -> Release | None:
    return dataset.releases.order_by("-published_at", "-pk").first()


def _facts(release: Release | None) -> metadata.ReleaseFacts | None:
    if release is None:
        return None
    return metadata.ReleaseFacts(
        version=release.version,
        published=release.published_at.date(),
        is_synthetic=release.is_synthetic,
    )


def _page_url() -> str:
    return conf.base_url() + reverse("home")
