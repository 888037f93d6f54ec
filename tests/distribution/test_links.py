"""Issuing, renewing and revoking links, and what the e-mail carries."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from django.core import mail
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from requests_app.audit import kinds, log
from requests_app.audit.models import Entry
from requests_app.distribution import links
from requests_app.distribution.access import resolve
from requests_app.distribution.grants import revoke_grant
from requests_app.distribution.models import DownloadLink
from requests_app.errors import Conflict, NotFound, PortalError, Refused
from requests_app.notifications.models import Message
from requests_app.requests.states import State
from tests.factories.distribution import GrantFactory, make_link
from tests.factories.requests import UserFactory, approver

pytestmark = pytest.mark.django_db


def token_in(text):
    return re.search(r"/d/([^/\s]+)/\s", text)[1]


@pytest.fixture
def sent(django_capture_on_commit_callbacks):
    """Call a verb, deliver what it posted, and return the e-mails."""

    def call(verb, **arguments):
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            verb(**arguments)
        return mail.outbox

    return call


def test_the_e_mailed_link_opens(sent):
    grant = GrantFactory()
    (letter,) = sent(links.ensure_link, grant_id=grant.pk)
    assert letter.to == [grant.applicant.email]
    token = token_in(letter.body)
    found = resolve(token, timezone.now())
    assert found.allowed
    assert found.credential == grant.links.get()
    assert reverse("download_page", args=[token]) in letter.body
    assert token in letter.alternatives[0][0]


def test_the_secret_is_kept_nowhere(sent):
    (letter,) = sent(links.ensure_link, grant_id=GrantFactory().pk)
    token = token_in(letter.body)
    secret = token.split(".")[1]
    link, message = DownloadLink.objects.get(), Message.objects.get()
    kept = [link.secret_sha256, str(link.pk), message.subject, bytes(message.payload).decode()]
    kept += [str(entry.details) + str(entry.commitments) for entry in Entry.objects.all()]
    assert not any(secret in text for text in kept)


def test_until_it_is_sent_the_e_mail_lies_encrypted():
    links.ensure_link(grant_id=GrantFactory().pk)
    payload = bytes(Message.objects.get().payload)
    assert payload
    assert b"/d/" not in payload


@pytest.mark.parametrize(("left", "days"), [(timedelta(days=300), 14), (timedelta(days=2), 2)])
def test_a_link_never_outlives_its_grant(left, days):
    grant = GrantFactory(ends_at=timezone.now() + left)
    link = links.ensure_link(grant_id=grant.pk)
    assert link.expires_at <= grant.ends_at
    assert round((link.expires_at - link.created_at) / timedelta(days=1)) == days


def test_the_task_may_run_twice(sent):
    grant = GrantFactory()
    assert len(sent(links.ensure_link, grant_id=grant.pk)) == 1
    assert len(sent(links.ensure_link, grant_id=str(grant.pk))) == 0
    assert grant.links.count() == 1
    entry = Entry.objects.get(kind=kinds.LINK_ISSUED)
    assert entry.actor == log.SYSTEM.audit_ref
    assert entry.trail == grant.access_request.audit_ref


def closed_grants():
    past = timezone.now() - timedelta(hours=1)
    withdrawn = GrantFactory()
    withdrawn.access_request.state = State.WITHDRAWN
    withdrawn.access_request.save()
    inactive = GrantFactory(agreement__access_request__applicant__is_active=False)
    return [GrantFactory(ends_at=past), GrantFactory(revoked_at=past), withdrawn, inactive]


def test_a_grant_that_is_over_gets_no_link():
    for grant in closed_grants():
        assert links.ensure_link(grant_id=grant.pk) is None
    assert not DownloadLink.objects.exists()
    assert not Message.objects.exists()


def test_the_sweep_finds_active_grants_without_any_link():
    waiting, served = GrantFactory(), make_link()[0].grant
    closed_grants()
    assert list(links.grants_without_link()) == [waiting]
    links.ensure_link(grant_id=waiting.pk)
    assert not links.grants_without_link().exists()
    assert served.links.count() == 1


def test_the_holder_gets_a_new_link_and_the_old_one_works_on(sent):
    old, old_token = make_link()
    (letter,) = sent(links.renew_link, grant_id=old.grant_id, by=old.grant.applicant)
    now = timezone.now()
    assert resolve(token_in(letter.body), now).allowed
    assert resolve(old_token, now).allowed
    assert Entry.objects.get(kind=kinds.LINK_RENEWED).actor == old.grant.applicant.audit_ref


def test_nobody_else_renews():
    grant = GrantFactory()
    for by in (UserFactory(), approver(grant.dataset)):
        with pytest.raises(NotFound):
            links.renew_link(grant_id=grant.pk, by=by)
    with pytest.raises(NotFound):
        links.renew_link(grant_id=make_link()[0].pk, by=grant.applicant)
    assert not grant.links.exists()


def test_a_grant_that_is_over_is_not_renewed():
    for grant in closed_grants():
        with pytest.raises((Conflict, NotFound)):
            links.renew_link(grant_id=grant.pk, by=grant.applicant)


def test_only_so_many_links_a_day(settings):
    settings.LINKS_PER_DAY = 2
    grant = GrantFactory()
    yesterday = timezone.now() - links.DAY - timedelta(minutes=1)
    make_link(grant, created_at=yesterday)
    for _ in range(2):
        links.renew_link(grant_id=grant.pk, by=grant.applicant)
    with pytest.raises(Refused, match="2 links"):
        links.renew_link(grant_id=grant.pk, by=grant.applicant)
    assert grant.links.count() == 3
    links.renew_link(grant_id=(other := GrantFactory()).pk, by=other.applicant)


def test_a_revoked_link_closes_and_its_grant_stays():
    link, token = make_link()
    _, sibling = make_link(link.grant)
    links.revoke_link(link_id=link.pk, by=approver(link.grant.dataset), reason="Leaked.")
    now = timezone.now()
    assert not resolve(token, now).allowed
    assert resolve(sibling, now).allowed
    assert Entry.objects.get(kind=kinds.LINK_REVOKED).subject == link.audit_ref


def test_revoking_a_link_is_for_approvers_of_its_dataset_and_once():
    link, token = make_link()
    decider = approver(link.grant.dataset)
    for by in (approver(), UserFactory(), link.grant.applicant):
        with pytest.raises(Refused):
            links.revoke_link(link_id=link.pk, by=by, reason="Mine.")
    assert resolve(token, timezone.now()).allowed
    links.revoke_link(link_id=link.pk, by=decider, reason="Leaked.")
    with pytest.raises(Conflict):
        links.revoke_link(link_id=link.pk, by=decider, reason="Again.")
    with pytest.raises(NotFound):
        links.revoke_link(link_id=link.grant.pk, by=decider, reason="No such link.")


def test_names_and_titles_cannot_break_the_e_mail(sent):
    grant = GrantFactory()
    grant.applicant.full_name = "陈伟 <b>O'Brien</b>"
    grant.applicant.save()
    grant.dataset.title = "A\r\nBcc: x@y.example <i>"
    grant.dataset.save()
    (letter,) = sent(links.ensure_link, grant_id=grant.pk)
    assert "陈伟 <b>O'Brien</b>" in letter.body
    assert "&lt;b&gt;" in letter.alternatives[0][0]
    assert "<b>O" not in letter.alternatives[0][0]
    assert "\n" not in letter.subject
    assert letter.recipients() == [grant.applicant.email]


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Workers that hold the same task, and a person who presses twice."""

    def together(self, verb, count=4):
        gate = Barrier(count)

        def one(_):
            gate.wait()
            try:
                return verb()
            except PortalError as error:
                return error
            finally:
                connection.close()

        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(one, range(count)))

    def test_one_first_link(self):
        grant = GrantFactory()
        made = self.together(lambda: links.ensure_link(grant_id=grant.pk))
        assert len([link for link in made if link is not None]) == 1
        assert grant.links.count() == 1
        assert Message.objects.count() == 1

    def test_no_more_renewals_than_a_day_allows(self, settings):
        settings.LINKS_PER_DAY = 2
        grant = GrantFactory()
        made = self.together(lambda: links.renew_link(grant_id=grant.pk, by=grant.applicant))
        assert sorted(type(one).__name__ for one in made) == ["DownloadLink"] * 2 + ["Refused"] * 2
        assert grant.links.count() == 2

    def test_one_revocation(self):
        grant = GrantFactory()
        decider = approver(grant.dataset)
        revoke = partial(revoke_grant, grant_id=grant.pk, by=decider, reason="Passed on.")
        made = self.together(revoke)
        assert sum(isinstance(one, Conflict) for one in made) == 3
        assert Entry.objects.filter(kind=kinds.GRANT_REVOKED).count() == 1
