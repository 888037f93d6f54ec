"""The outbox: a message is a row, written with the deed it tells of and delivered afterwards.

The content lies encrypted (a download link is in it) and is erased once the message is sent.
"""

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q
from django.template.loader import render_to_string

from requests_app import conf, queue
from requests_app.audit.erasure import mailbox
from requests_app.notifications.models import Message


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    content: bytes
    media_type: str


def post(
    *,
    name: str,
    to: str,
    context: Mapping[str, Any],
    attachments: Sequence[Attachment] = (),
    trail: str = "",
) -> Message:
    """Renders `templates/emails/<name>/` for `to`; writes it in the caller's transaction.

    Returns the row; queues its delivery on commit. `trail` files the later "sent" entry under a
    request's story. A subject is one line whatever the context holds.
    """
    values = {**context, "base_url": conf.base_url()}
    subject = " ".join(render_to_string(f"emails/{name}/subject.txt", values).split())
    content = {
        "text": render_to_string(f"emails/{name}/body.txt", values),
        "html": render_to_string(f"emails/{name}/body.html", values),
        "attachments": [
            (item.name, b64encode(item.content).decode(), item.media_type) for item in attachments
        ],
    }
    message = Message.objects.create(
        name=name,
        recipient=to,
        subject=subject[:250],
        trail=trail,
        payload=_cipher().encrypt(json.dumps(content).encode()),
    )
    queue.enqueue("notifications.deliver", message_id=str(message.pk))
    return message


def forget(*, addresses: Collection[str], names: Collection[str], trails: Collection[str]) -> int:
    """Deletes every message to the mailbox of an address, sent or not; returns how many.

    In `trails`, the names are taken out of the subjects of messages to others. Part of a verb.
    """
    theirs = Q(pk__in=())
    for address in {*addresses, *map(mailbox, addresses)}:
        local, _, host = address.rpartition("@")
        theirs |= Q(recipient__iexact=address)
        theirs |= Q(recipient__istartswith=f"{local}+", recipient__iendswith=f"@{host}")
    deleted = Message.objects.filter(theirs).delete()[0]
    for message in Message.objects.filter(trail__in=trails).only("subject"):
        before = message.subject
        for name in names:
            message.subject = message.subject.replace(name, "(erased)")
        if message.subject != before:
            message.save(update_fields=["subject"])
    return deleted


def prune(before: datetime) -> int:
    """Deletes the messages sent before an instant; returns how many. The log has their entries."""
    return Message.objects.filter(sent_at__lt=before).delete()[0]


def as_email(message: Message) -> EmailMultiAlternatives:
    """Returns the message ready to send; its Message-ID is the row's id: a copy is recognisable."""
    content = json.loads(_cipher().decrypt(bytes(message.payload)))
    host = conf.base_url().split("//")[-1].split(":")[0]
    email = EmailMultiAlternatives(
        subject=message.subject,
        body=content["text"],
        to=[message.recipient],
        headers={"Message-ID": f"<{message.pk}@{host}>", "X-Portal-Message": message.name},
    )
    email.attach_alternative(content["html"], "text/html")
    for name, encoded, media_type in content["attachments"]:
        email.attach(name, b64decode(encoded), media_type)
    return email


def _cipher() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet(
        [
            Fernet(urlsafe_b64encode(sha256(b"portal.outbox" + secret.encode()).digest()))
            for secret in secrets
        ]
    )
