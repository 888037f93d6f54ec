"""Grants that a new version of the agreement leaves behind, and campaigns for it."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from requests_app.agreements.models import Agreement
from requests_app.distribution.models import Grant, Reconsent, ReconsentCampaign
from tests.factories.agreements import publish_text, text_source
from tests.factories.distribution import AgreementFactory
from tests.factories.requests import approver


def campaign_for(
    grant: Grant, *, deadline: datetime | None = None, days: float = 20, **facts: Any
) -> ReconsentCampaign:
    """A further version in force, which holders are asked to sign `days` from now."""
    now = timezone.now()
    number = grant.dataset.agreement_texts.first().number + 1
    body = facts.pop("body", None) or text_source(f"may look {number} times at")
    text = publish_text(grant.dataset, number, body)
    deadline = deadline or now + timedelta(days=days)
    return ReconsentCampaign.objects.create(
        text=text,
        deadline=deadline,
        announced_at=deadline - timedelta(days=30),
        reason="Gulls asked for it.",
        by=facts.pop("by", None) or approver(grant.dataset),
    )


def long_standing(grant: Grant) -> Grant:
    """The grant as if it had begun long ago, so that the campaign's own deadline counts."""
    grant.starts_at = timezone.now() - timedelta(days=200)
    grant.save(update_fields=["starts_at"])
    return grant


def signed_anew(grant: Grant, campaign: ReconsentCampaign) -> Agreement:
    """Puts the grant on the campaign's version, as signing it does."""
    agreement: Agreement = AgreementFactory(access_request=grant.access_request, text=campaign.text)
    Reconsent.objects.create(grant=grant, agreement=agreement)
    return agreement
