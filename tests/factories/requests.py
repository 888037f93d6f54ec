"""People, datasets and access requests for tests."""

from typing import Any

import factory
from django.contrib.auth.models import Group

from requests_app.datasets.models import Dataset
from requests_app.identity.models import User
from requests_app.requests.models import AccessRequest, EthicsDocument, NamedPerson
from requests_app.requests.permissions import APPROVERS, AUDITORS, REVIEWERS
from tests.factories.datasets import card_table

PASSWORD = "correct horse battery"


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@pier.example")
    full_name = factory.Sequence(lambda n: f"Person {n}")


class DatasetFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Dataset

    slug = factory.Sequence(lambda n: f"gulls-{n}")
    title = factory.Sequence(lambda n: f"Gulls {n}")
    card = factory.LazyAttribute(lambda o: card_table(slug=o.slug, title=o.title))
    card_sha256 = "0" * 64


class AccessRequestFactory(factory.django.DjangoModelFactory):
    """A complete draft: it may be signed as it is."""

    class Meta:
        model = AccessRequest

    applicant = factory.SubFactory(UserFactory)
    dataset = factory.SubFactory(DatasetFactory)
    legal_name = factory.LazyAttribute(lambda o: o.applicant.full_name)
    email = factory.LazyAttribute(lambda o: o.applicant.email)
    email_standing = "institution"
    email_reason = "pier.example is the domain of Pier University."
    institution = "Pier University"
    department = "Seabirds"
    position = "Lecturer"
    country = "AU"
    research_title = factory.Sequence(lambda n: f"Moods of gulls {n}")
    purpose = "To learn\nwhat gulls feel."
    funding = "none"
    ethics = AccessRequest.Ethics.NOT_NEEDED
    ethics_reason = "Gulls are not asked."
    data_protection_plan = "A locked shed."
    statements = ("no-feeding",)


class NamedPersonFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = NamedPerson

    access_request = factory.SubFactory(AccessRequestFactory)
    name = factory.Sequence(lambda n: f"Helper {n}")
    email = factory.Sequence(lambda n: f"helper{n}@pier.example")
    role = "Student"


class EthicsDocumentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = EthicsDocument

    access_request = factory.SubFactory(AccessRequestFactory)
    name = "approval.pdf"
    content = b"%PDF-1.7 approval"
    size = 17
    sha256 = factory.Sequence(lambda n: f"{n:064x}")


def staff(*groups: str, maintains: Dataset | None = None, **fields: Any) -> User:
    """A member of staff in `groups`, who maintains the dataset when one is given."""
    user: User = UserFactory(is_staff=True, **fields)
    user.groups.set(Group.objects.filter(name__in=groups))
    if maintains is not None:
        maintains.maintainers.add(user)
    return user


def approver(dataset: Dataset | None = None, **fields: Any) -> User:
    return staff(APPROVERS, maintains=dataset, **fields)


def reviewer(dataset: Dataset | None = None, **fields: Any) -> User:
    return staff(REVIEWERS, maintains=dataset, **fields)


def auditor(**fields: Any) -> User:
    return staff(AUDITORS, **fields)


def superuser(**fields: Any) -> User:
    return staff(is_superuser=True, **fields)
