import threading
from email import message_from_bytes
from email.policy import default as modern

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from requests_app import conf
from requests_app.audit.models import Entry
from requests_app.notifications import delivery, outbox
from requests_app.notifications.models import Message


class RefusingBackend(BaseEmailBackend):
    def send_messages(self, messages):
        raise ConnectionRefusedError("mail server is away")


@pytest.fixture
def templates(settings, tmp_path):
    folder = tmp_path / "emails" / "greeting"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("Hello {{ name }}\n")
    (folder / "body.txt").write_text("Dear {{ name|safe }}, the secret is {{ secret }}.")
    (folder / "body.html").write_text("<p>Dear {{ name }}</p>")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]


def post(**changes):
    context = {"name": "Ada", "secret": "x"}
    values = {"name": "greeting", "to": "ada@example.edu", "context": context}
    return outbox.post(**{**values, **changes})


@pytest.mark.django_db
@pytest.mark.usefixtures("templates")
class TestOutbox:
    def test_a_message_is_sent_after_the_commit_and_once(self, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            message = post(attachments=[outbox.Attachment("a.pdf", b"%PDF-", "application/pdf")])
            assert mail.outbox == []
        assert not delivery.deliver(message_id=str(message.pk))
        (sent,) = mail.outbox
        assert sent.subject == "Hello Ada"
        assert sent.to == ["ada@example.edu"]
        assert sent.attachments[0].content == b"%PDF-"
        assert str(message.pk) in sent.extra_headers["Message-ID"]
        assert Entry.objects.filter(kind="portal:message:sent").count() == 1

    def test_a_name_with_line_breaks_cannot_add_a_header(self):
        message = post(context={"name": "Ada\r\nBcc: eve@example.com"})
        delivery.deliver(message_id=str(message.pk))
        assert mail.outbox[0].subject == "Hello Ada Bcc: eve@example.com"
        assert "Bcc" not in mail.outbox[0].message()

    def test_what_waits_cannot_be_read_in_the_database_and_is_erased_once_sent(self):
        message = post(context={"name": "Ada", "secret": "hunter2hunter2"})
        assert b"hunter2" not in bytes(message.payload)
        delivery.deliver(message_id=str(message.pk))
        message.refresh_from_db()
        assert bytes(message.payload) == b""

    def test_a_message_survives_a_change_of_the_secret_key(self, settings):
        message = post()
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-key-another-key-another-key-another-key"
        assert delivery.deliver(message_id=str(message.pk))

    def test_a_refusing_mail_server_leaves_the_message_waiting_for_the_sweep(self, settings):
        message = post()
        working = settings.EMAIL_BACKEND
        settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
        assert not delivery.deliver(message_id=str(message.pk))
        message.refresh_from_db()
        assert "mail server is away" in message.last_error
        assert message not in delivery.waiting(), "another worker may not barge in at once"
        message.not_before = timezone.now()
        message.save()
        settings.EMAIL_BACKEND = working
        assert message in delivery.waiting()
        assert delivery.deliver(message_id=str(message.pk))
        message.refresh_from_db()
        assert (message.attempts, message.last_error) == (2, "")


@pytest.mark.django_db
@pytest.mark.usefixtures("templates")
def test_a_message_that_keeps_being_refused_is_tried_ever_more_rarely(settings):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    message = post()
    pauses = []
    for _ in range(13):
        tried = timezone.now()
        Message.objects.filter(pk=message.pk).update(not_before=tried)
        delivery.deliver(message_id=str(message.pk))
        message.refresh_from_db()
        pauses.append(round((message.not_before - tried) / conf.message_lease()))
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("templates")
def test_two_workers_send_a_message_once():
    message = post()
    mail.outbox.clear()
    assert delivery._claim(str(message.pk)) is None, "sent on commit already"
    Message.objects.filter(pk=message.pk).update(sent_at=None, not_before=timezone.now())
    start = threading.Barrier(2)
    claims = []

    def claim():
        start.wait()
        claims.append(delivery._claim(str(message.pk)))
        delivery.transaction.get_connection().close()

    threads = [threading.Thread(target=claim) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([claim for claim in claims if claim]) == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("templates")
def test_the_mail_folder_holds_one_readable_file_per_message(settings, tmp_path):
    settings.EMAIL_BACKEND = "requests_app.notifications.mailbox.MailFolderBackend"
    settings.MAIL_DIR = tmp_path / "mail"
    message = post(context={"name": "陈伟", "secret": "x"})
    email = outbox.as_email(message)
    email.send()
    email.send()
    (file,) = settings.MAIL_DIR.iterdir()
    assert file.name == f"greeting-{message.pk}.eml"
    parsed = message_from_bytes(file.read_bytes(), policy=modern)
    assert parsed["Subject"] == "Hello 陈伟"
    assert "陈伟" in parsed.get_body(("plain",)).get_content()
