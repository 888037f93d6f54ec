"""Mail for the embedded shape: one `.eml` file per message in `var/mail/`, in place of SMTP."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from requests_app import conf


class MailFolderBackend(BaseEmailBackend):
    """Writes each message whole, under a name made of its Message-ID: sending twice is one file."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = conf.mail_dir()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for email in email_messages:
            mime = email.message()
            identifier = re.sub(r"[^A-Za-z0-9-]", "", str(mime["Message-ID"]).split("@")[0])
            kind = re.sub(r"[^a-z0-9_]", "", str(mime.get("X-Portal-Message", "mail")))
            name = f"{kind}-{identifier}.eml"
            draft = folder / f".{name}.{os.getpid()}.{datetime.now(UTC).timestamp()}"
            draft.write_bytes(mime.as_bytes())
            draft.replace(folder / name)
        return len(email_messages)
