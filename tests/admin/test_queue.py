import re
from datetime import timedelta

import pytest
from django.utils import timezone

from requests_app.requests.states import State, Verb
from tests.admin.places import QUEUE, THE_LOOK, at, page_of
from tests.factories.requests import (
    AccessRequestFactory,
    DatasetFactory,
    UserFactory,
    approver,
    auditor,
    reviewer,
)
from tests.factories.review import decided, put, submitted

pytestmark = pytest.mark.django_db


def listed(response):
    """Returns the ids of the requests on the page, in its order."""
    return re.findall(r'href="/admin/requests_app/accessrequest/([0-9a-f-]{36})/', response.text)


def ids(*access_requests):
    return [str(access_request.pk) for access_request in access_requests]


def waiting_since(access_request, days):
    access_request.state_since = timezone.now() - timedelta(days=days)
    access_request.save(update_fields=["state_since"])
    return access_request


def test_what_waits_comes_first_and_the_oldest_of_it_on_top(enter):
    dataset = DatasetFactory()
    young = waiting_since(submitted(dataset=dataset), 1)
    old = waiting_since(submitted(dataset=dataset), 9)
    decided(Verb.REJECT, State.REJECTED, dataset=dataset)
    response = enter(approver(dataset)).get(at(QUEUE))
    assert listed(response) == ids(old, young)
    assert "9\xa0days" in response.text or "1\xa0week" in response.text


def test_drafts_and_requests_of_other_datasets_are_nobody_elses_business(enter):
    dataset = DatasetFactory()
    AccessRequestFactory(dataset=dataset)
    submitted()
    for user in (approver(dataset), reviewer(dataset)):
        assert listed(enter(user).get(at(QUEUE), {"state": "all"})) == []


def test_auditors_see_the_requests_of_every_dataset(enter):
    first, second = submitted(), submitted()
    assert set(listed(enter(auditor()).get(at(QUEUE)))) == set(ids(first, second))


@pytest.mark.parametrize("state", [s for s in State if s is not State.DRAFT])
def test_every_signed_state_can_be_listed(enter, state):
    access_request = put(submitted(), state)
    client = enter(approver(access_request.dataset))
    assert listed(client.get(at(QUEUE), {"state": "all"})) == ids(access_request)
    value = {} if state is State.SUBMITTED else {"state": state.value}
    assert listed(client.get(at(QUEUE), value)) == ids(access_request)


@pytest.mark.parametrize(
    "words", ["Noddy", "noddy@reef", "account-of-tern", "Reef Institute", "Feathers"]
)
def test_search_finds_name_address_institution_and_title(enter, words):
    dataset = DatasetFactory()
    found = submitted(
        dataset=dataset,
        applicant=UserFactory(email="account-of-tern@reef.example"),
        legal_name="Black Noddy",
        email="noddy@reef.example",
        institution="Reef Institute",
        research_title="Feathers in wind",
    )
    submitted(dataset=dataset)
    assert listed(enter(approver(dataset)).get(at(QUEUE), {"q": words})) == ids(found)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"standing": "unknown"}, {"email_standing": "unknown"}),
        ({"country": "NZ"}, {"country": "NZ"}),
    ],
)
def test_filters_narrow_the_queue(enter, query, fields):
    dataset = DatasetFactory()
    found = submitted(dataset=dataset, **fields)
    submitted(dataset=dataset)
    assert listed(enter(approver(dataset)).get(at(QUEUE), query)) == ids(found)


def test_the_dataset_filter_offers_the_datasets_one_maintains(enter):
    first, second = submitted(), submitted()
    stranger = submitted()
    user = approver(first.dataset)
    second.dataset.maintainers.add(user)
    response = enter(user).get(at(QUEUE), {"dataset": second.dataset.slug})
    assert listed(response) == ids(second)
    assert f"dataset={first.dataset.slug}" in response.text
    assert stranger.dataset.slug not in response.text


@pytest.mark.parametrize("count", [1, 3])
def test_the_queue_costs_the_same_however_long_it_is(enter, count, django_assert_num_queries):
    dataset = DatasetFactory()
    for _ in range(count):
        submitted(dataset=dataset)
    client = enter(approver(dataset))
    with django_assert_num_queries(13 + THE_LOOK):
        response = client.get(at(QUEUE))
    assert len(listed(response)) == count


def test_what_was_typed_is_shown_and_not_run(enter):
    access_request = submitted(
        research_title="<script>alert(1)</script>", legal_name="<b>Bo</b>", institution="<i>In</i>"
    )
    text = enter(approver(access_request.dataset)).get(at(QUEUE)).text
    for raw in ("<script>alert", "<b>Bo", "<i>In"):
        assert raw not in text
    assert page_of(access_request) in text
