"""Registry: the app, and the system checks it brings."""

from django.apps import AppConfig


class RequestsAppConfig(AppConfig):
    name = "requests_app"
    verbose_name = "Dataset access"

    def ready(self) -> None:
        from requests_app import checks  # noqa: F401, PLC0415 - checks need the app registry
