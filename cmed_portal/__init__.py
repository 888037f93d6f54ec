"""The project around the app: settings, URL root, WSGI and Celery entry points."""

from cmed_portal.celery import app as celery_app

__all__ = ["celery_app"]
