"""schema.org and Croissant descriptions: complete, honest, safe to embed."""

import datetime as dt
import json
from html.parser import HTMLParser
from typing import Any

import pytest

from requests_app.datasets import metadata
from tests.factories.datasets import card_table, make_card

PAGE = "https://portal.example/"
FACTS = metadata.ReleaseFacts("1.0", dt.date(2025, 3, 1), is_synthetic=True)


def croissant(**more: Any) -> Any:
    return json.loads(json.dumps(metadata.croissant(make_card(), page_url=PAGE, **more)))


def schema_org(**more: Any) -> Any:
    return json.loads(json.dumps(metadata.schema_org(make_card(), page_url=PAGE, **more)))


def test_schema_org_describes_the_dataset() -> None:
    data = schema_org()
    assert data["@context"] == "https://schema.org/"
    assert data["@type"] == "Dataset"
    assert data["name"] == "Gulls: moods of gulls"
    assert data["url"] == PAGE
    assert data["identifier"] == "https://doi.org/10.1234/gulls.1"
    assert [person["name"] for person in data["creator"]] == ["Anna Larus", "Bo C. Sterna"]
    assert data["citation"]["identifier"] == "10.1234/gulls.1"
    assert data["size"] == "9 clips"


@pytest.mark.parametrize("describe", [schema_org, croissant])
def test_descriptions_say_that_access_is_restricted(describe: Any) -> None:
    data = describe()
    assert data["conditionsOfAccess"].startswith("Restricted")
    assert data["license"]["name"] == "Gull Agreement"
    assert "isAccessibleForFree" not in data


@pytest.mark.parametrize("describe", [schema_org, croissant])
def test_descriptions_say_when_the_release_is_synthetic(describe: Any) -> None:
    data = describe(release=FACTS)
    assert data["description"].startswith("SYNTHETIC")
    assert data["version"] == "1.0"
    assert data["datePublished"] == "2025-03-01"
    assert "SYNTHETIC" not in describe()["description"]


@pytest.mark.parametrize("describe", [schema_org, croissant])
def test_descriptions_of_a_real_release_do_not_call_it_synthetic(describe: Any) -> None:
    data = describe(release=metadata.ReleaseFacts("2.0", dt.date(2025, 3, 1), is_synthetic=False))
    assert data["version"] == "2.0"
    assert "synthetic" not in json.dumps(data).lower()


def test_croissant_has_what_the_specification_requires() -> None:
    data = croissant()
    required = {"@context", "@type", "conformsTo", "name", "description", "license", "url"}
    assert required | {"creator", "datePublished"} <= data.keys()
    assert data["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert data["isLiveDataset"] is True


def test_croissant_names_resolve_within_the_description() -> None:
    data = croissant()
    nodes = {node["@id"] for node in data["distribution"]}
    for record_set in data["recordSet"]:
        nodes |= {record_set["@id"], *(field["@id"] for field in record_set["field"])}

    def references(value: Any) -> Any:
        if isinstance(value, list):
            for item in value:
                yield from references(item)
        elif isinstance(value, dict):
            if set(value) == {"@id"}:
                yield value["@id"]
            for item in value.values():
                yield from references(item)

    body = {key: value for key, value in data.items() if key != "@context"}
    named = set(references(body))
    assert {"archive", "labels.csv", "classes/key"} <= named
    assert named <= nodes


def test_croissant_keywords_are_declared_in_its_context() -> None:
    data = croissant()
    schema_org_words = {"containedIn", "contentUrl", "encodingFormat", "description", "name"}

    def keys(value: Any) -> Any:
        if isinstance(value, list):
            for item in value:
                yield from keys(item)
        elif isinstance(value, dict):
            for key, item in value.items():
                yield key
                if key != "data":
                    yield from keys(item)

    used = set(keys(data["distribution"])) | set(keys(data["recordSet"]))
    used = {key for key in used if not key.startswith("@")} - schema_org_words - {"sha256"}
    assert used <= data["@context"].keys()


def test_croissant_counts_the_clips_of_each_class() -> None:
    classes = croissant()["recordSet"][0]
    assert {row["classes/key"]: row["classes/count"] for row in classes["data"]} == {
        "hungry": 3,
        "cross": 2,
        "no-mood": 4,
    }


def test_croissant_gives_no_address_of_the_data() -> None:
    for item in croissant()["distribution"]:
        assert item.get("contentUrl", PAGE) in {PAGE, "labels.csv"}
        assert ("containedIn" in item) == (item["@id"] != "archive")


def test_embedded_json_cannot_end_its_script_element() -> None:
    hostile = "</script><script>alert(1)</script>\u2028<!-- &amp;"
    data = metadata.schema_org(make_card(**card_table(summary=hostile)), page_url=PAGE)
    text = metadata.for_script_element(data)
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            found.append(tag)

        def handle_data(self, data: str) -> None:
            found.append(data)

    Reader().feed(f'<script type="application/ld+json">{text}</script>')
    assert found == ["script", text]
    assert hostile in json.loads(text)["description"]
