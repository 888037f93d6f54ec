"""Registry: the app, and the system checks it brings."""

from django.apps import AppConfig


class RequestsAppConfig(AppConfig):
    name = "requests_app"
    verbose_name = "Dataset access"

    def ready(self) -> None:
        from requests_app import checks  # noqa: F401, PLC0415 - checks need the app registry
        from requests_app.distribution import store_checks  # noqa: F401, PLC0415 - same
        from requests_app.web import redaction  # noqa: PLC0415 - rooms load after the registry

        redaction.install()
