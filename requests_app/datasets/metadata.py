"""Machine-readable descriptions of a dataset: schema.org ``Dataset`` and MLCommons Croissant 1.0.

Both tell where access is asked for and on what terms; neither carries an address of the data
itself, because there is none without a grant.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from requests_app.datasets.card import Card
from requests_app.datasets.citation import plain

Data = dict[str, Any]

# The context that the Croissant 1.0 specification asks every description to carry.
_CROISSANT_CONTEXT: Data = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What a description says about the newest release."""

    version: str
    published: dt.date
    is_synthetic: bool


def schema_org(card: Card, *, page_url: str, release: ReleaseFacts | None = None) -> Data:
    """The dataset as schema.org ``Dataset`` JSON-LD; ``page_url`` is its absolute address."""
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        **_common(card, page_url, release),
        "alternateName": card.short_title,
        "identifier": card.citation.url,
        "size": f"{card.totals.all:,} clips",
        "measurementTechnique": card.source,
        "maintainer": {
            "@type": "Person",
            "name": card.contact.name,
            "email": card.contact.email,
        },
        "citation": {
            "@type": "ScholarlyArticle",
            "name": card.citation.title,
            "identifier": card.citation.doi,
            "url": card.citation.url,
            "author": _people(card),
            "datePublished": str(card.year),
            "publisher": {"@type": "Organization", "name": card.citation.publisher},
        },
    }


def croissant(card: Card, *, page_url: str, release: ReleaseFacts | None = None) -> Data:
    """The dataset as a Croissant 1.0 description (http://mlcommons.org/croissant/1.0).

    It is declared live: clips leave it when consent is taken back, and the archive is made for
    each download, so there is no address and no lasting digest of the archive to state.
    """
    return {
        "@context": {**_CROISSANT_CONTEXT, "@language": card.language},
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        **_common(card, page_url, release),
        "citeAs": plain(card),
        "isLiveDataset": True,
        "distribution": _distribution(card, page_url),
        "recordSet": [_class_records(card), _clip_records()],
    }


def for_script_element(data: Data) -> str:
    """JSON that may stand inside an HTML ``<script>`` element: no character can end it."""
    text = json.dumps(data, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _common(card: Card, page_url: str, release: ReleaseFacts | None) -> Data:
    common: Data = {
        "name": card.title,
        "description": " ".join([card.summary, *card.description]),
        "url": page_url,
        "inLanguage": card.language,
        "keywords": list(card.keywords),
        "creator": _people(card),
        "license": {
            "@type": "CreativeWork",
            "name": card.terms.name,
            "text": card.terms.text,
            "url": page_url,
        },
        "conditionsOfAccess": "Restricted: access is requested at the address given. "
        + card.terms.text,
        "datePublished": str(card.year),
    }
    if release is not None:
        common["version"] = release.version
        common["datePublished"] = release.published.isoformat()
        if release.is_synthetic:
            common["creativeWorkStatus"] = "Synthetic demonstration data"
            common["description"] = (
                f"SYNTHETIC: release {release.version} on this site is made of drawn shapes for"
                f" demonstration and shows nobody. {common['description']}"
            )
    return common


def _people(card: Card) -> list[Data]:
    return [
        {
            "@type": "Person",
            "name": f"{author.given} {author.family}",
            "givenName": author.given,
            "familyName": author.family,
        }
        for author in card.authors
    ]


def _distribution(card: Card, page_url: str) -> list[Data]:
    inside = {"containedIn": {"@id": "archive"}}
    return [
        {
            "@type": "cr:FileObject",
            "@id": "archive",
            "name": f"{card.slug}.zip",
            "description": "All files of a release, fetched through a personal download link."
            " The address is where access is requested, not the archive itself.",
            "contentUrl": page_url,
            "encodingFormat": "application/zip",
        },
        {
            "@type": "cr:FileObject",
            "@id": "labels.csv",
            "name": "labels.csv",
            "description": "One row for each clip: path, label and participant code.",
            "contentUrl": "labels.csv",
            "encodingFormat": "text/csv",
            **inside,
        },
        {
            "@type": "cr:FileSet",
            "@id": "clips",
            "name": "clips",
            "description": card.clip_format,
            "encodingFormat": "video/mp4",
            "includes": "clips/**/*.mp4",
            **inside,
        },
    ]


def _class_records(card: Card) -> Data:
    def field(name: str, kind: str, description: str) -> Data:
        return {
            "@type": "cr:Field",
            "@id": f"classes/{name}",
            "name": name,
            "description": description,
            "dataType": kind,
        }

    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "name": "classes",
        "description": "The labels, and how many clips carry each.",
        "dataType": "sc:Enumeration",
        "key": {"@id": "classes/key"},
        "field": [
            field("key", "sc:Text", "The label as it stands in labels.csv."),
            field("name", "sc:Text", "The label for people to read."),
            field("count", "sc:Integer", "Number of clips with this label."),
        ],
        "data": [
            {"classes/key": c.key, "classes/name": c.name, "classes/count": c.count}
            for c in card.classes
        ],
    }


def _clip_records() -> Data:
    def field(name: str, description: str, **more: Data) -> Data:
        return {
            "@type": "cr:Field",
            "@id": f"clip_labels/{name}",
            "name": name,
            "description": description,
            "dataType": "sc:Text",
            "source": {"fileObject": {"@id": "labels.csv"}, "extract": {"column": name}},
            **more,
        }

    return {
        "@type": "cr:RecordSet",
        "@id": "clip_labels",
        "name": "clip_labels",
        "description": "The clips with their labels.",
        "key": {"@id": "clip_labels/path"},
        "field": [
            field("path", "Path of the clip inside the release."),
            field("label", "Label of the clip.", references={"field": {"@id": "classes/key"}}),
            field("participant_code", "Pseudonymous code of the participant."),
        ],
    }
