import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import URLPattern, reverse
from lxml import html

from requests_app.admin.parts import PARTS
from requests_app.admin.site import site
from requests_app.agreements.models import AgreementDocument, FailedDocument
from requests_app.audit import kinds, log
from requests_app.distribution.policy import DownloadPolicy
from requests_app.identity.models import InstitutionDomain
from requests_app.notifications.models import Message
from tests.admin.places import THE_LOOK, at
from tests.factories.requests import (
    EthicsDocumentFactory,
    UserFactory,
    approver,
    auditor,
    reviewer,
    staff,
    superuser,
)
from tests.factories.review import granted, link_of, submitted

pytestmark = pytest.mark.django_db

# part -> who may open it; S is a superuser without groups.
READERS = {
    "accessrequest": "approver reviewer auditor",
    "grant": "approver reviewer auditor",
    "downloadlink": "approver reviewer auditor",
    "agreement": "approver reviewer auditor",
    "faileddocument": "auditor superuser",
    "agreementtext": "approver reviewer auditor superuser",
    "dataset": "approver reviewer auditor superuser",
    "downloadpolicy": "approver reviewer auditor superuser",
    "release": "approver reviewer auditor superuser",
    "institutiondomain": "approver reviewer auditor superuser",
    "user": "auditor superuser",
    "message": "auditor superuser",
    "entry": "auditor superuser",
}
WRITERS = {"dataset", "user", "institutiondomain", "downloadpolicy"}
ADDED = {"institutiondomain", "downloadpolicy"}
ROLES = ("approver", "reviewer", "auditor", "superuser", "staff")


@pytest.fixture
def world():
    """One of everything, and one person of every role."""
    grant = granted()
    link = link_of(grant)
    dataset = grant.dataset
    release = dataset.releases.create(
        version="1.0", file_count=0, total_bytes=0, manifest_sha256="0" * 64
    )
    message = Message.objects.create(name="download_link", recipient="a@b.example", subject="Hi")
    entry = an_entry(grant)
    domain = InstitutionDomain.objects.create(domain="reef.example", standing="allow", source="x")
    people = {
        "approver": approver(dataset),
        "reviewer": reviewer(dataset),
        "auditor": auditor(),
        "superuser": superuser(),
        "staff": staff(),
    }
    objects = {
        "accessrequest": grant.access_request,
        "grant": grant,
        "downloadlink": link,
        "agreement": grant.agreement,
        "faileddocument": FailedDocument.objects.create(
            agreement=grant.agreement,
            kind=FailedDocument.Kind.COUNTERSIGNED,
            attempts=3,
            last_error="OSError: No space left on device",
        ),
        "agreementtext": grant.agreement.text,
        "dataset": dataset,
        "downloadpolicy": DownloadPolicy.objects.create(dataset=dataset),
        "release": release,
        "institutiondomain": domain,
        "user": grant.applicant,
        "message": message,
        "entry": entry,
    }
    return people, objects


def an_entry(grant):
    return log.record(kinds.GRANT_REVOKED, by=log.SYSTEM, on=grant, reason="Told in the log")


def test_the_table_of_readers_names_every_part():
    assert set(READERS) == {name.lower() for name in PARTS}
    assert {model._meta.model_name for model in site._registry} == set(READERS)


@pytest.mark.parametrize("part", READERS)
def test_every_list_and_page_opens_for_its_readers_only(enter, world, part):
    people, objects = world
    for role in ROLES:
        client = enter(people[role])
        allowed = role in READERS[part].split()
        assert client.get(at(f"{part}_changelist")).status_code == (200 if allowed else 403)
        status = client.get(at(f"{part}_change", objects[part].pk)).status_code
        assert status in ({200} if allowed else {403, 404}), (part, role)


@pytest.mark.parametrize("part", READERS)
def test_nothing_is_ever_deleted_and_little_is_added(enter, world, part):
    people, objects = world
    for role in ROLES:
        client = enter(people[role])
        url = at(f"{part}_delete", objects[part].pk)
        assert client.get(url).status_code in {403, 404}
        assert client.post(url, {"post": "yes"}).status_code in {403, 404}
        adds = part in ADDED and role == "superuser"
        assert client.get(at(f"{part}_add")).status_code == (200 if adds else 403)
        listed = client.post(
            at(f"{part}_changelist"),
            {"action": "delete_selected", "_selected_action": [str(objects[part].pk)], "post": "y"},
        )
        assert listed.status_code in {403, 405}
    type(objects[part]).objects.get(pk=objects[part].pk)


@pytest.mark.parametrize("part", READERS)
def test_only_superusers_change_what_can_be_changed(enter, world, part):
    people, objects = world
    for role in ROLES:
        if role == "superuser" and part in WRITERS:
            continue
        if role == "approver" and part == "grant":  # sets from which networks it is fetched
            continue
        response = enter(people[role]).post(at(f"{part}_change", objects[part].pk), {})
        assert response.status_code in {403, 404, 405}, (part, role)


@pytest.mark.parametrize("part", READERS)
@pytest.mark.parametrize("forged", ["0", "no-such-id", "00000000-0000-4000-8000-000000000000"])
def test_a_forged_id_is_not_found(enter, world, part, forged):
    people, _ = world
    for role in READERS[part].split():
        client = enter(people[role])
        assert client.get(at(f"{part}_change", forged)).status_code == 404
        assert client.get(at(f"{part}_history", forged)).status_code == 404


@pytest.mark.parametrize("part", ["grant", "downloadlink", "agreement", "agreementtext", "release"])
def test_maintainers_of_another_dataset_find_nothing(enter, world, part):
    _, objects = world
    for user in (approver(submitted().dataset), reviewer(submitted().dataset)):
        client = enter(user)
        assert client.get(at(f"{part}_change", objects[part].pk)).status_code == 404
        page = at(f"{part}_change", objects[part].pk)
        assert page not in client.get(at(f"{part}_changelist")).text


def every_url():
    """Every URL of the site, with some id where one is asked for."""
    for pattern in site.get_urls():
        for leaf in getattr(pattern, "url_patterns", [pattern]):
            if isinstance(leaf, URLPattern) and leaf.name:
                yield leaf.name, leaf.pattern.converters


def some_url(name, converters):
    values = {"uuid": "00000000-0000-4000-8000-000000000000", "int": 1}
    kwargs = {
        key: values.get(type(converter).__name__.removesuffix("Converter").lower(), "1")
        for key, converter in converters.items()
    }
    return reverse(f"admin:{name}", kwargs=kwargs)


URLS = [
    some_url(name, converters)
    for name, converters in every_url()
    if name not in {"login", "app_list", "logout"} and "path" not in converters
]


@pytest.mark.parametrize("url", URLS)
def test_every_url_sends_visitors_to_sign_in_and_refuses_applicants(enter, url):
    response = Client().get(url, follow=True)
    assert response.redirect_chain[-1][0].startswith(reverse("account_login"))
    response = enter(UserFactory()).get(url, follow=True)
    assert response.status_code == 403


def test_the_sign_in_of_the_admin_is_the_portals(enter):
    response = Client().get(reverse("admin:login"), {"next": "/admin/"})
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_login"))
    assert "next=" in response.url
    posted = Client().post(reverse("admin:login"), {"username": "a@b.example", "password": "x"})
    assert posted.status_code == 302
    assert enter(UserFactory()).get(reverse("admin:login")).status_code == 403


def test_passwords_are_changed_where_they_are_audited(enter):
    response = enter(approver()).get(reverse("admin:password_change"))
    assert response.url == reverse("account_change_password")


def test_the_front_page_says_how_much_waits(enter):
    access_request = submitted()
    submitted(dataset=access_request.dataset)
    submitted()
    text = enter(approver(access_request.dataset)).get(reverse("admin:index")).text
    assert "2 requests wait for a decision" in text
    assert "has no role yet" in enter(staff()).get(reverse("admin:index")).text


def test_the_history_of_a_thing_is_the_audit_log(enter, world):
    people, objects = world
    response = enter(people["auditor"]).get(at("grant_history", objects["grant"].pk))
    assert response.url == at("entry_changelist") + f"?q={objects['grant'].audit_ref}"


def test_the_log_shows_personal_values_and_is_searched_by_address(enter, world):
    people, objects = world
    client = enter(people["auditor"])
    url = at("entry_change", objects["entry"].pk)
    assert "Told in the log" in client.get(url).text
    assert url in client.get(at("entry_changelist"), {"q": objects["grant"].audit_ref}).text
    assert url not in client.get(at("entry_changelist"), {"q": people["approver"].email}).text
    assert url in client.get(at("entry_changelist"), {"kind": objects["entry"].kind}).text


@pytest.mark.parametrize("count", [1, 3])
def test_the_log_costs_the_same_however_long_it_is(enter, count, django_assert_num_queries):
    grant = granted()
    for _ in range(count):
        an_entry(grant)
    client = enter(auditor())
    with django_assert_num_queries(11 + THE_LOOK):
        client.get(at("entry_changelist"))


@pytest.mark.parametrize("part", ["grant", "downloadlink", "agreement"])
@pytest.mark.parametrize("count", [1, 3])
def test_lists_cost_the_same_however_long_they_are(enter, part, count, django_assert_num_queries):
    grants = [granted() for _ in range(count)]
    user = auditor()
    for grant in grants:
        link_of(grant)
    client = enter(user)
    expected = {"grant": 12, "downloadlink": 10, "agreement": 15}[part] + THE_LOOK
    with django_assert_num_queries(expected):
        assert client.get(at(f"{part}_changelist")).status_code == 200


def test_documents_that_cannot_be_made_are_listed_with_the_cause_until_they_are(enter, world):
    people, objects = world
    client, failed = enter(people["superuser"]), objects["faileddocument"]
    index = client.get(reverse("admin:index")).text
    assert "1 document could not be made" in index
    assert at("faileddocument_changelist") in index
    listed = client.get(at("faileddocument_changelist")).text
    assert failed.agreement.number in listed
    assert "No space left on device" in listed
    assert "could not be made" not in enter(people["approver"]).get(reverse("admin:index")).text
    AgreementDocument.objects.create(
        agreement=failed.agreement, kind=failed.kind, content=b"", size=0, sha256="0" * 64
    )
    assert failed.agreement.number not in client.get(at("faileddocument_changelist")).text
    assert "could not be made" not in client.get(reverse("admin:index")).text


def test_secrets_and_contents_are_never_shown(enter, world):
    people, objects = world
    client = enter(people["auditor"])
    link = objects["downloadlink"]
    for url in (at("downloadlink_changelist"), at("downloadlink_change", link.pk)):
        assert link.secret_sha256 not in client.get(url).text
    message = objects["message"]
    Message.objects.filter(pk=message.pk).update(payload=b"payload-of-message")
    assert "payload" not in client.get(at("message_change", message.pk)).text


@pytest.mark.parametrize(
    ("part", "question"),
    [
        ("user", "password__startswith=scrypt"),
        ("user", "email__regex=("),
        ("downloadlink", "secret_sha256__startswith=0"),
        ("accessrequest", "created_at__year=0"),
        ("accessrequest", "state=\0"),
        ("agreement", "signed_at__year=99999999999"),
        ("entry", "at__year=99999999999"),
    ],
)
def test_a_list_answers_only_what_its_filters_ask(enter, part, question):
    response = enter(auditor()).get(f"{at(f'{part}_changelist')}?{question}")
    assert response.status_code == 400


@pytest.mark.parametrize("part", READERS)
def test_every_filter_that_a_list_offers_works(enter, world, part):
    client = enter(world[0]["superuser" if part in {"user", "message", "entry"} else "auditor"])
    page = html.fromstring(client.get(at(f"{part}_changelist")).text)
    offered = {link for link in page.xpath("//a/@href") if link.startswith("?")}
    assert offered or part in {"downloadlink", "agreementtext", "dataset"}
    for link in offered:
        assert client.get(at(f"{part}_changelist") + link).status_code == 200, link


def test_an_address_made_of_a_kind_and_an_id_leads_nowhere(enter):
    client = enter(auditor())
    grant = ContentType.objects.get(app_label="requests_app", model="grant")
    assert client.get(f"/admin/r/{grant.pk}/no-uuid/").status_code == 404


@pytest.mark.parametrize(
    ("state", "shown"), [("active", True), ("expired", False), ("revoked", False)]
)
def test_grants_are_filtered_by_their_derived_state(enter, state, shown):
    grant = granted()
    text = enter(auditor()).get(at("grant_changelist"), {"state": state}).text
    assert (at("grant_change", grant.pk) in text) is shown


def test_the_files_of_a_release_come_in_pages(enter, world):
    people, objects = world
    release = objects["release"]
    release.files.bulk_create(
        release.files.model(
            release=release, path=f"clips/{n:03d}.mp4", size=n, sha256="0" * 64, crc32=n
        )
        for n in range(101)
    )
    client = enter(people["reviewer"])
    url = at("release_change", release.pk)
    assert "clips/099.mp4" in client.get(url).text
    assert "clips/100.mp4" not in client.get(url).text
    assert "clips/100.mp4" in client.get(url, {"page": "2"}).text
    assert client.get(url, {"page": "x"}).status_code == 200


def test_no_page_needs_inline_code_or_style(enter, world):
    people, objects = world
    client = enter(people["auditor"])
    EthicsDocumentFactory(access_request=objects["accessrequest"])
    urls = [at(f"{part}_{page}", *args) for part in READERS for page, args in pages(objects[part])]
    for url in [*urls, reverse("admin:index")]:
        text = client.get(url).text
        assert "<style" not in text, url
        assert " style=" not in text, url
        assert " onclick=" not in text, url
        assert "<script>" not in text, url


def pages(found):
    return [("changelist", []), ("change", [found.pk])]


def test_djangos_own_log_of_the_admin_stays_empty(enter, world):
    people, objects = world
    client = enter(people["superuser"])
    group = Group.objects.get(name="Reviewers")
    data = {"is_active": "on", "is_staff": "on", "groups": [group.pk]}
    client.post(at("user_change", objects["user"].pk), data)
    assert objects["user"].groups.get() == group
    assert not LogEntry.objects.exists()
