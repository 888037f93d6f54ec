"""The Celery application. Its settings are the `CELERY_*` names in `cmed_portal.settings`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cmed_portal.settings")

app = Celery("cmed_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["requests_app"])
