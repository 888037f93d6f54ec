"""Registry: the task modules Celery must find. Nothing else imports them."""

import requests_app.agreements.tasks
import requests_app.audit.tasks
import requests_app.distribution.tasks
import requests_app.lifecycle.tasks
import requests_app.notifications.tasks  # noqa: F401 - importing registers the tasks
