"""What every page knows: the dataset the portal serves."""

from django.http import HttpRequest

from requests_app.datasets.models import Dataset


def portal(request: HttpRequest) -> dict[str, object]:
    """Template context: `portal_dataset`, what the home page shows (None before any is loaded)."""
    return {"portal_dataset": Dataset.objects.order_by("pk").first()}
