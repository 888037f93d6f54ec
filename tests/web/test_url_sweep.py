"""Every address of the portal x every role, derived from the URL conf.

An address that is not in the tables below fails the sweep: whoever adds one says who may open it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.sessions.models import Session
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import URLResolver, get_resolver

from requests_app.agreements.models import FailedDocument
from requests_app.audit import checkpoints, kinds
from requests_app.audit.models import Entry, PersonalValue, Unsequenced
from requests_app.distribution.manifest_signatures import sign_manifest
from requests_app.distribution.policy import DownloadPolicy
from requests_app.notifications.outbox import post
from requests_app.requests.models import AccessRequest
from requests_app.web import health
from tests.factories.distribution import make_access_token, make_link, make_release
from tests.factories.identity import InstitutionDomainFactory
from tests.factories.invited import member_of, token_of
from tests.factories.requests import (
    EthicsDocumentFactory,
    UserFactory,
    approver,
    auditor,
    reviewer,
    superuser,
)
from tests.factories.review import granted

pytestmark = pytest.mark.django_db

STRANGERS = ("other applicant", "reviewer", "approver", "auditor", "superuser")
ROLES = ("anonymous", "owner", *STRANGERS)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

EVERYBODY = "200 200 200 200 200 200 200"
SIGNED_IN = "302 200 200 200 200 200 200"
OWNER = "302 200 404 404 404 404 404"
OWNER_IS_LED_ON = "302 302 404 404 404 404 404"  # an approved request is not edited or signed
ELSEWHERE = "302 302 302 302 302 302 302"
STAFF = "302 302 302 200 200 200 200"
STAFF_NOT = "302 302 302 403 403 403 403"
NOTHING = "302 302 302 404 404 404 404"

# name -> what GET answers, for each of ROLES
EXPECTED = {
    "home": EVERYBODY,
    "citation": EVERYBODY,
    "croissant": EVERYBODY,
    "certificates": EVERYBODY,
    "certificates_json": EVERYBODY,
    "verify": EVERYBODY,
    "verify_number": EVERYBODY,
    "log_checkpoint": EVERYBODY,
    "log_witnessed": "404 404 404 404 404 404 404",  # nobody cosigned one here
    "log_key": EVERYBODY,
    "log_script": EVERYBODY,
    "log_entry": EVERYBODY,
    "log_inclusion": "400 400 400 400 400 400 400",  # asked without a query
    "log_consistency": "400 400 400 400 400 400 400",
    "metrics": "404 404 404 404 404 404 404",  # no token is set, and nobody here would send it
    "client": EVERYBODY,
    "healthz": EVERYBODY,
    "readyz": EVERYBODY,
    # The token is the key: whoever holds the link may fetch.
    "download_page": "403 200 403 403 403 403 403",  # by default for its holder alone
    "download_progress": "403 200 403 403 403 403 403",
    "download_file": EVERYBODY,
    "download_manifest": EVERYBODY,
    "download_urls": EVERYBODY,
    "download_index": EVERYBODY,
    "download_signature": EVERYBODY,
    "release_signature": EVERYBODY,
    "download_listing": EVERYBODY,
    "download_folder": EVERYBODY,
    "release_zip": EVERYBODY,
    "release_tar": EVERYBODY,
    "release_index": EVERYBODY,
    "release_listing": EVERYBODY,
    "release_folder": EVERYBODY,
    "release_file": EVERYBODY,
    "release_manifest": EVERYBODY,
    "release_urls": EVERYBODY,
    # The same below /data/, where the token is in a header: nobody here sends one.
    **dict.fromkeys(
        [
            f"data:{name}"
            for name in (
                *("download_file", "download_manifest", "download_urls", "download_index"),
                *("download_signature", "download_listing", "download_folder", "release_zip"),
                *("release_tar", "release_file", "release_manifest", "release_urls"),
                *("release_index", "release_signature", "release_listing", "release_folder"),
            )
        ],
        "401 401 401 401 401 401 401",
    ),
    # So is the secret of an invitation; this one was signed at, and says so.
    "invited_sign": EVERYBODY,
    "invited_refuse": EVERYBODY,
    "request_list": SIGNED_IN,
    "request_new": SIGNED_IN,
    "request_detail": OWNER,
    "request_edit": OWNER_IS_LED_ON,
    "request_sign": OWNER_IS_LED_ON,
    "request_sign_anew": OWNER_IS_LED_ON,
    "request_changes": OWNER_IS_LED_ON,
    "signing_stop": OWNER_IS_LED_ON,  # nobody is asked to sign any more
    "signer_remind": "302 405 404 404 404 404 404",
    "signer_remove": OWNER_IS_LED_ON,
    "member_remove": OWNER,
    "request_own_certificate": OWNER_IS_LED_ON,
    "request_issued": "302 404 404 404 404 404 404",
    "request_decline": OWNER_IS_LED_ON,
    "request_withdraw": OWNER,
    "request_agreement": OWNER,
    "request_ethics": OWNER,
    "request_receipt": OWNER,
    # The whole was fetched once more just now: the receipt of that is to come.
    "transfer_receipt": "302 202 404 404 404 404 404",
    "request_downloads": OWNER,
    "token_revoke": "302 405 404 404 404 404 404",
    "link_renew": OWNER,
    "account_login": "200 302 302 302 302 302 302",
    "account_signup": "200 302 302 302 302 302 302",
    "account_logout": SIGNED_IN,
    "account_inactive": EVERYBODY,
    "account_reauthenticate": SIGNED_IN,
    "account_email": SIGNED_IN,
    "account_email_verification_sent": ELSEWHERE,
    "account_change_password": SIGNED_IN,
    "account_set_password": ELSEWHERE,
    "account_reset_password": EVERYBODY,
    "account_confirm_login_code": ELSEWHERE,
    "account_confirm_password_reset_code": ELSEWHERE,
    "account_complete_password_reset": ELSEWHERE,
    "account_password_reset_completed": EVERYBODY,
    "admin:index": STAFF,
    "admin:app_list": STAFF,
    "admin:login": "302 403 403 302 302 302 302",
    "admin:logout": ELSEWHERE,
    "admin:password_change": ELSEWHERE,
    "admin:password_change_done": STAFF,
    "admin:autocomplete": STAFF_NOT,
    "admin:jsi18n": STAFF,
    "admin:None": NOTHING,
    "admin:requests_app_accessrequest_page": "302 302 302 200 200 200 404",
    # Decided already: an approver is told on the page of the request.
    "admin:requests_app_accessrequest_approve": "302 302 302 403 302 403 404",
    "admin:requests_app_accessrequest_return": "302 302 302 403 302 403 404",
    "admin:requests_app_accessrequest_reject": "302 302 302 403 302 403 404",
    "admin:requests_app_accessrequest_revoke": "302 302 302 403 200 403 404",
    "admin:requests_app_accessrequest_leave": "302 302 302 403 200 403 404",
    "admin:requests_app_accessrequest_close": "302 302 302 403 200 403 404",
    "admin:requests_app_accessrequest_agreement": "302 302 302 200 200 200 404",
    # The first version: an approver is told that there is nobody to ask.
    "admin:requests_app_agreementtext_ask": "302 302 302 403 302 403 403",
    "admin:requests_app_entry_export": "302 302 302 403 403 200 200",
    "admin:requests_app_entry_activity": "302 302 302 403 403 200 200",
    # Uploaded after signing: not part of what maintainers may see.
    "admin:requests_app_accessrequest_ethics": NOTHING,
}

MAINTAINERS = {"reviewer", "approver"}
# The admin's list and page of each model: who may look. Nobody deletes anything there.
MAY_LOOK = {
    "accessrequest": {*MAINTAINERS, "auditor"},
    "agreement": {*MAINTAINERS, "auditor"},
    "agreementtext": {*MAINTAINERS, "auditor", "superuser"},
    "dataset": {*MAINTAINERS, "auditor", "superuser"},
    "downloadlink": {*MAINTAINERS, "auditor"},
    "downloadpolicy": {*MAINTAINERS, "auditor", "superuser"},
    "entry": {"auditor", "superuser"},
    "faileddocument": {"auditor", "superuser"},
    "grant": {*MAINTAINERS, "auditor"},
    "institutiondomain": {*MAINTAINERS, "auditor", "superuser"},
    "message": {"auditor", "superuser"},
    "release": {*MAINTAINERS, "auditor", "superuser"},
    "user": {"auditor", "superuser"},
}
MAY_ADD = {("institutiondomain", "superuser"), ("downloadpolicy", "superuser")}
_OF_MODEL = re.compile(r"admin:requests_app_(\w+?)_(changelist|add|history|delete|change)$")


@dataclass(frozen=True)
class Address:
    name: str
    route: str

    @property
    def model(self) -> str:
        found = re.search(r"admin/requests_app/(\w+)/", self.route)
        return found[1] if found else ""

    def path(self, facts: dict[str, Any]) -> str:
        """The address of something that exists; KeyError for an argument nobody gave a value."""
        if regex := re.fullmatch(r"(.*?)\^(.*)\$", self.route) or re.fullmatch(
            r"(admin/)(.*)\$", self.route
        ):
            inner = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda m: facts[m[1]], regex[2])
            return "/" + regex[1] + inner.replace("\\", "")
        facts = facts | {"object_id": facts["objects"].get(self.model, 1)}
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda m: str(facts[m[1]]), self.route)


def addresses(patterns: Any = None, route: str = "", space: str = "") -> Iterator[Address]:
    """Every pattern of the URL conf: its full name and its route from the root."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        here = route + str(each.pattern)
        if isinstance(each, URLResolver):
            inner = f"{space}{each.namespace}:" if each.namespace else space
            yield from addresses(each.url_patterns, here, inner)
        else:
            yield Address(f"{space}{each.name}", here)


def expected(address: Address, role: str) -> set[int]:
    """The statuses that GET may answer; KeyError for an address nobody thought of."""
    if address.name in EXPECTED and not (address.name == "admin:None" and address.model):
        return {int(EXPECTED[address.name].split()[ROLES.index(role)])}
    if role in ("anonymous", "owner", "other applicant"):
        return {302}
    if address.name == "admin:None":
        return {302, 404}
    model, page = _OF_MODEL.match(address.name).groups()
    if page == "history":
        return {302, 404}
    if page == "delete":
        return {403}
    allowed = (model, role) in MAY_ADD if page == "add" else role in MAY_LOOK[model]
    return {200} if allowed else {403, 404}


@pytest.fixture
def world(monkeypatch) -> dict[str, Any]:
    """One of everything, and one person of each role; `owner` is the applicant of all of it."""
    monkeypatch.setattr(health, "_workers", lambda: [True])
    grant = granted()
    access_request = grant.access_request
    document = EthicsDocumentFactory(access_request=access_request)
    release = make_release(grant.dataset, files={"clips/001.mp4": b"clip"})
    sign_manifest(release_id=release.pk)
    link, token = make_link(grant)
    message = post(
        name="password_changed", to="a@pier.example", context={"email": "a", "at": link.created_at}
    )
    people = {
        "owner": access_request.applicant,
        "other applicant": UserFactory(),
        "reviewer": reviewer(grant.dataset),
        "approver": approver(grant.dataset),
        "auditor": auditor(),
        "superuser": superuser(),
    }
    for person in people.values():
        EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    list(Client().get(f"/d/{token}/manifest.sha256"))  # to its end, or it is not entered yet
    agreement = access_request.agreements.get()
    checkpoints.seal()
    told = Entry.objects.filter(trail=access_request.audit_trail, kind=kinds.MANIFEST_DOWNLOADED)
    member = member_of(agreement)
    return {
        "people": people,
        "access_request": access_request,
        "pk": access_request.pk,
        "token": token,
        "path": "clips/001.mp4",
        "folder": "clips",
        "version": release.version,
        "name": f"{grant.dataset.slug}-{release.version}",
        "kind": "bib",
        "form": "csv",
        "number": "GULLS-DAA-2026-000001",
        "app_label": "requests_app",
        "url": "nothing",
        "content_type_id": 1,
        "grant_id": grant.pk,
        "agreement_id": agreement.pk,
        "link_id": link.pk,
        "token_id": make_access_token(grant)[0].pk,
        "signatory_id": member.pk,
        "secret": token_of(member),
        "document_id": document.pk,
        "index": 0,
        "transfer_id": grant.transfers.get().pk,
        "entry_id": told.get().pk,
        "objects": {
            "accessrequest": access_request.pk,
            "agreement": agreement.pk,
            "agreementtext": agreement.text_id,
            "dataset": grant.dataset_id,
            "downloadlink": link.pk,
            "downloadpolicy": DownloadPolicy.objects.create(dataset=grant.dataset).pk,
            "entry": Entry.objects.first().pk,
            "faileddocument": FailedDocument.objects.create(
                agreement=agreement, kind=FailedDocument.Kind.COUNTERSIGNED
            ).pk,
            "grant": grant.pk,
            "institutiondomain": InstitutionDomainFactory().pk,
            "message": message.pk,
            "release": release.pk,
            "user": people["owner"].pk,
        },
    }


def client_of(role: str, world: dict[str, Any]) -> Client:
    client = Client(raise_request_exception=False)
    if role != "anonymous":
        client.force_login(world["people"][role])
    return client


def ask(client: Client, path: str, method: str = "GET") -> tuple[int, bytes]:
    response = client.generic(method, path)
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return response.status_code, body


def test_every_address_is_in_the_tables_and_every_row_is_an_address():
    names = {address.name for address in addresses()}
    of_models = {name for name in names if _OF_MODEL.match(name)} - set(EXPECTED)
    assert names - of_models == set(EXPECTED)
    assert {_OF_MODEL.match(name)[1] for name in of_models} == set(MAY_LOOK)


@pytest.mark.parametrize("role", ROLES)
def test_every_address_answers_each_role_as_the_tables_say(role, world):
    client = client_of(role, world)
    wrong = {}
    for address in addresses():
        status, _ = ask(client, address.path(world))
        if status not in expected(address, role):
            wrong[f"{address.name} {address.path(world)}"] = status
        if client.session.is_empty() and role != "anonymous":
            client.force_login(world["people"][role])
    assert not wrong


def own_pages() -> list[Address]:
    return [each for each in addresses() if each.route.startswith("requests/<uuid:pk>/")]


@pytest.mark.parametrize("role", STRANGERS)
def test_a_strangers_request_does_not_exist_at_any_address_by_any_method(role, world):
    client = client_of(role, world)
    assert own_pages()
    answers = {
        (each.name, method): ask(client, each.path(world), method)[0]
        for each in own_pages()
        for method in METHODS
    }
    assert set(answers.values()) == {404}, answers
    world["access_request"].refresh_from_db()
    assert world["access_request"].state == "approved"
    assert not AccessRequest.objects.filter(applicant=world["people"][role]).exists()


def test_a_strangers_request_looks_like_one_that_never_was(world):
    client = client_of("other applicant", world)
    for each in own_pages():
        theirs, nobodys = (
            ask(client, each.path(world | {"pk": pk})) for pk in (world["pk"], uuid4())
        )
        assert _same(theirs[1]) == _same(nobodys[1])


@pytest.mark.parametrize("role", ["approver", "superuser"])
def test_whatever_the_admin_shows_to_staff_is_entered_by_every_method(role, world):
    """What has nobody's data is named in `NOT_ENTERED`; documents and exports enter themselves."""
    looks = Entry.objects.filter(
        kind__in=(kinds.STAFF_LOOKED, kinds.DOCUMENT_OPENED, kinds.LOG_EXPORTED)
    )
    wrong = {}
    for address in addresses():
        space, _, name = address.name.partition(":")
        if space != "admin" or name in {"index", "jsi18n", "login"}:
            continue
        client = client_of(role, world)
        for method in ("GET", "POST"):
            before = looks.count()
            status, body = ask(client, address.path(world), method)
            shown = bool(body) and status not in {302, 403, 404, 405}
            if (name, status) == ("requests_app_entry_export", 400):
                shown = False  # a POST gets a sentence instead of the file
            if looks.count() - before != shown:
                wrong[f"{method} {address.path(world)}"] = status
    assert not wrong


def test_a_visitor_is_sent_to_sign_in_by_every_method(world):
    client = client_of("anonymous", world)
    for each in own_pages():
        for method in METHODS:
            status, _ = ask(client, each.path(world), method)
            assert status == 302, (each.name, method)


def of_admin() -> list[Address]:
    return [each for each in addresses() if each.route.startswith("admin/")]


# What shows nobody's data.
NOT_A_LOOK = {"index", "jsi18n", "app_list", "password_change_done"}


@pytest.mark.parametrize("role", ["reviewer", "approver", "auditor", "superuser"])
def test_whatever_the_admin_shows_to_staff_is_an_entry_of_theirs(role, world):
    client, unseen = client_of(role, world), set()
    theirs = Entry.objects.filter(actor=world["people"][role].audit_ref)
    looks = 0
    for address in of_admin():
        before = theirs.count()
        status, _ = ask(client, address.path(world))
        if status != 200 or address.name.removeprefix("admin:") in NOT_A_LOOK:
            continue
        looks += 1
        if theirs.count() != before + 1:
            unseen.add(address.name)
    assert looks > 10
    assert not unseen


def contents() -> dict[str, list[dict[str, Any]]]:
    """All that the database holds, but for sessions and the log, in which a look is an entry."""
    left_out = {Entry, PersonalValue, Unsequenced, Session}
    return {
        model.__name__: sorted(model._base_manager.values(), key=repr)
        for model in apps.get_models(include_auto_created=True)
        if model not in left_out
    }


def test_an_auditor_alters_nothing_at_any_address_of_the_admin(world):
    """Each form gets what it would take from somebody who may, and each list an action."""
    client, auditor = client_of("auditor", world), world["people"]["auditor"]
    before, broken = contents(), []
    form = {
        "reason": "Because.",
        "private_note": "x",
        "agreement": str(world["agreement_id"]),
        "action": "delete_selected",
        "_selected_action": "1",
        "post": "yes",
        "_save": "Save",
        "is_staff": "on",
        "email": "eve@pier.example",
        "domain": "eve.example",
        "standing": "x",
    }
    content = encode_multipart(BOUNDARY, form)
    for address in of_admin():
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            if address.name != "admin:logout":
                response = client.generic(method, address.path(world), content, MULTIPART_CONTENT)
                broken += [address.name] * (response.status_code >= 500)
    assert not broken
    assert contents() == before
    done = Entry.objects.filter(actor=auditor.audit_ref).values_list("kind", flat=True)
    assert set(done) <= {kinds.STAFF_LOOKED, kinds.DOCUMENT_OPENED, kinds.LOG_EXPORTED}


def _same(body: bytes) -> bytes:
    """A page without what changes with every answer."""
    return re.sub(rb'name="csrfmiddlewaretoken" value="[^"]*"', b"", body)
