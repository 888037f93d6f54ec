"""The dataset's page and what programs read beside it."""

import json
import re
from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from django.test import Client
from lxml import html

from requests_app.datasets.models import Dataset, Release
from tests.factories.datasets import card_table, make_card

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    card = make_card()
    return Dataset.objects.create(
        slug=card.slug, title=card.title, card=card.as_data(), card_sha256="0" * 64
    )


def publish(dataset: Dataset, *, is_synthetic: bool, version: str = "1.0") -> Release:
    return Release.objects.create(
        dataset=dataset,
        version=version,
        published_at=datetime(2026, 3, int(version[0]), tzinfo=UTC),
        is_synthetic=is_synthetic,
        file_count=10,
        total_bytes=2_500_000,
        manifest_sha256="0" * 64,
    )


def page(client: Client) -> html.HtmlElement:
    response = client.get("/")
    assert response.status_code == HTTPStatus.OK
    return html.fromstring(response.content.decode())


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def test_page_says_what_the_card_says(client: Client, dataset: Dataset) -> None:
    text = words(page(client))
    card = make_card()
    for told in (
        card.title,
        card.summary,
        *card.description,
        *card.applications,
        card.source,
        card.participants,
        card.clip_format,
        card.terms.text,
        card.contact.email,
        *(step.title for step in card.access_steps),
        *(family.title for family in card.baselines),
        *(statement.text for statement in card.compliance),
    ):
        assert told in text


def test_table_adds_up_to_the_totals(client: Client, dataset: Dataset) -> None:
    rows = {
        words(row.xpath("th")[0]): [words(cell) for cell in row.xpath("td")]
        for row in page(client).xpath("//table//tr[td]")
    }
    assert rows == {
        "Hungry": ["3", "33.3%"],
        "Cross": ["2", "22.2%"],
        "All emotions": ["5", "55.6%"],
        "No mood": ["4", "44.4%"],
        "Total": ["9", "100.0%"],
    }


def test_chart_shows_every_class_and_hides_from_readers_who_have_the_table(
    client: Client, dataset: Dataset
) -> None:
    area = page(client).xpath("//figure//*[@aria-hidden='true'][.//*[name()='circle']]")[0]
    assert [words(text) for text in area.xpath(".//*[@class='chart__value']")] == ["4", "3", "2"]


@pytest.mark.parametrize("is_synthetic", [True, False])
def test_notice_stands_exactly_where_demo_data_is_offered(
    client: Client, dataset: Dataset, *, is_synthetic: bool
) -> None:
    publish(dataset, is_synthetic=is_synthetic)
    assert ("Synthetic demonstration data" in words(page(client))) is is_synthetic


def test_newest_release_is_the_one_described(client: Client, dataset: Dataset) -> None:
    publish(dataset, is_synthetic=True, version="1.0")
    publish(dataset, is_synthetic=False, version="2.0")
    text = words(page(client))
    assert "2.0, 2 March 2026" in text
    assert "Synthetic" not in text


def test_request_access_leads_to_a_new_request(client: Client, dataset: Dataset) -> None:
    links = page(client).xpath("//a[normalize-space()='Request access']/@href")
    assert links
    assert set(links) == {"/requests/new/"}


def test_json_ld_describes_the_dataset_and_cannot_end_its_element(client: Client) -> None:
    card = make_card(summary="Ends </script><script>alert(1)</script> here")
    Dataset.objects.create(
        slug=card.slug, title=card.title, card=card.as_data(), card_sha256="0" * 64
    )
    tree = page(client)
    data = json.loads(tree.xpath("//script[@type='application/ld+json']")[0].text_content())
    assert data["@type"] == "Dataset"
    assert data["name"] == card.title
    assert card.summary in data["description"]
    assert not tree.xpath("//script[contains(., 'alert')][not(@type)]")


def test_text_to_copy_is_the_citation(client: Client, dataset: Dataset) -> None:
    tree = page(client)
    for button in tree.xpath("//button[@data-copy]"):
        assert tree.get_element_by_id(button.get("data-copy")).text_content().strip()
        assert "hidden" in button.attrib, "without scripts a copy button does nothing"
    bibtex = client.get("/dataset/citation.bib").content.decode()
    assert tree.get_element_by_id("citation-bibtex").text_content() == bibtex


@pytest.mark.parametrize(
    ("kind", "media_type", "start"),
    [
        ("bib", "application/x-bibtex", "@misc{gulls2024,"),
        ("ris", "application/x-research-info-systems", "TY  - GEN\r\n"),
        ("cff", "application/yaml", "cff-version: 1.2.0\n"),
    ],
)
def test_citation_is_a_file_of_its_kind(
    client: Client, dataset: Dataset, kind: str, media_type: str, start: str
) -> None:
    response = client.get(f"/dataset/citation.{kind}")
    assert response["Content-Type"] == f"{media_type}; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="gulls.{kind}"'
    assert response.content.decode().startswith(start)
    assert "Larus" in response.content.decode()


def test_unknown_kind_of_citation_is_not_found(client: Client, dataset: Dataset) -> None:
    assert client.get("/dataset/citation.xml").status_code == HTTPStatus.NOT_FOUND


def test_croissant_is_json_ld_with_the_page_as_its_address(
    client: Client, dataset: Dataset, settings: pytest.FixtureRequest
) -> None:
    settings.BASE_URL = "https://portal.example"  # type: ignore[attr-defined]
    response = client.get("/dataset/croissant.json")
    assert response["Content-Type"] == "application/ld+json"
    data = json.loads(response.content)
    assert data["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert data["url"] == "https://portal.example/"


@pytest.mark.parametrize("path", ["/", "/dataset/citation.bib", "/dataset/croissant.json"])
def test_public_pages_answer_head_and_refuse_writing(
    client: Client, dataset: Dataset, path: str
) -> None:
    assert client.head(path).status_code == HTTPStatus.OK
    assert client.post(path).status_code == HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize("path", ["/", "/dataset/citation.bib", "/dataset/croissant.json"])
def test_portal_without_dataset_says_what_to_do(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == HTTPStatus.NOT_FOUND
    assert "load_dataset" in response.content.decode()


@pytest.mark.parametrize("releases", [1, 3])
def test_page_costs_the_same_with_more_releases(
    client: Client,
    dataset: Dataset,
    django_assert_num_queries: pytest.FixtureRequest,
    releases: int,
) -> None:
    for number in range(1, releases + 1):
        publish(dataset, is_synthetic=False, version=f"{number}.0")
    with django_assert_num_queries(3):  # type: ignore[operator] # menu's dataset, page's, release
        client.get("/")


def test_nothing_on_the_page_is_inline(client: Client, dataset: Dataset) -> None:
    tree = page(client)
    assert not tree.xpath("//style | //*[@style]")
    assert not tree.xpath("//script[not(@src)][not(@type='application/ld+json')]")
    assert not [a for e in tree.iter() for a in e.attrib if re.match("on[a-z]+$", a)]


def test_card_of_another_dataset_makes_another_page(client: Client) -> None:
    card = make_card(**card_table(title="Terns: moods of terns", slug="terns"))
    Dataset.objects.create(
        slug=card.slug, title=card.title, card=card.as_data(), card_sha256="0" * 64
    )
    assert words(page(client).xpath("//h1")[0]) == "Terns: moods of terns"
