"""Accounts for tests."""

from typing import Any

import factory
from allauth.account.models import EmailAddress

from requests_app.identity.models import InstitutionDomain, User

PASSWORD = "correct horse battery staple"


class UserFactory(factory.django.DjangoModelFactory[User]):
    """An account without a verified address; its password is `PASSWORD`."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@monash.edu")
    full_name = factory.Sequence(lambda n: f"Person {n}")

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        password = kwargs.pop("password", PASSWORD)
        return model_class.objects.create_user(*args, password=password, **kwargs)


class ApplicantFactory(UserFactory):
    """An account whose address is verified."""

    @factory.post_generation
    def verified(self: User, create: bool, extracted: Any, **kwargs: Any) -> None:  # type: ignore[misc]
        if create:
            EmailAddress.objects.create(user=self, email=self.email, verified=True, primary=True)


class InstitutionDomainFactory(factory.django.DjangoModelFactory[InstitutionDomain]):
    """A listed institution."""

    class Meta:
        model = InstitutionDomain

    domain = factory.Sequence(lambda n: f"institute{n}.org")
    name = factory.Sequence(lambda n: f"Institute {n}")
    standing = InstitutionDomain.Standing.LISTED
    source = "tests"
