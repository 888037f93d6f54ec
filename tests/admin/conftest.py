import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client


@pytest.fixture
def enter():
    """Returns a client in which the given user is signed in."""

    def enter(user: AbstractBaseUser, **options: bool) -> Client:
        client = Client(**options)
        client.force_login(user)
        return client

    return enter
