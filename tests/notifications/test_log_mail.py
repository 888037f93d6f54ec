"""Checkpoints mailed to mailboxes that the lab does not keep: rarely, and the newest only."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from requests_app.audit import checkpoints, kinds, log, outsider
from requests_app.lifecycle import sweep
from requests_app.notifications import log_mail
from requests_app.notifications.models import Message

pytestmark = pytest.mark.django_db
BOXES = ["ethics@board.example", "keeper@elsewhere.example"]


def grow() -> str:
    log.record(kinds.SIGNED_IN, by=log.ANYONE, on=log.Named("user:7"), method="password")
    return checkpoints.seal().note


@pytest.fixture(autouse=True)
def boxes(settings):
    settings.LOG_MAILBOX = BOXES


def swept(capture) -> int:
    with capture(execute=True):
        return sweep.sweep()["log mailboxes"]


def test_each_mailbox_gets_the_newest_checkpoint_once_a_day(django_capture_on_commit_callbacks):
    assert swept(django_capture_on_commit_callbacks) == 0, "before the first there is none"
    first = grow()
    assert swept(django_capture_on_commit_callbacks) == 2
    assert sorted(email.to[0] for email in mail.outbox) == BOXES
    assert all(first in email.body for email in mail.outbox)
    grow()
    newest = grow()
    with time_machine.travel(timezone.now() + timedelta(hours=23)):
        assert swept(django_capture_on_commit_callbacks) == 0
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert swept(django_capture_on_commit_callbacks) == 2
    assert all(newest in email.body for email in mail.outbox[2:])
    assert len(mail.outbox) == 4


def test_what_is_in_the_mail_is_enough_to_verify_it(django_capture_on_commit_callbacks):
    note = grow()
    swept(django_capture_on_commit_callbacks)
    body = mail.outbox[0].body
    key = outsider.parse_key(next(line for line in body.splitlines() if "/log+" in line))
    assert outsider.open_note(body[body.index(note) :][: len(note)], key).size == 1
    assert "/log/verify.py" in body
    assert mail.outbox[0].subject == "Checkpoint of the audit log: 1 entry"


def test_two_workers_send_one_message():
    grow()
    post = log_mail.waiting().first()
    assert log_mail.mail_checkpoint(post_id=post.pk)
    assert log_mail.mail_checkpoint(post_id=post.pk) is None
    assert Message.objects.count() == 1


def test_a_mailbox_that_is_named_no_more_gets_nothing(settings):
    grow()
    post = log_mail.waiting().first()
    settings.LOG_MAILBOX = []
    assert log_mail.mail_checkpoint(post_id=post.pk) is None
    assert not log_mail.waiting().exists()
