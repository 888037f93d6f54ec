"""Documents that cannot be made."""

import logging
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from requests_app.agreements.documents import waiting
from requests_app.agreements.models import FailedRendering
from requests_app.agreements.retrying import failing, try_to_render
from requests_app.errors import NotFound
from tests.factories.agreements import signed_agreement

pytestmark = pytest.mark.django_db


@pytest.fixture
def broken_key(tmp_path, monkeypatch):
    monkeypatch.setattr("requests_app.conf.seal_key_file", lambda: tmp_path / "gone.pem")
    yield monkeypatch
    monkeypatch.undo()


def test_it_is_tried_after_ever_longer_pauses_and_an_operator_is_told_once(broken_key, caplog):
    agreement, now = signed_agreement(), timezone.now()
    pauses = []
    for _ in range(4):
        with time_machine.travel(now, tick=False):
            assert waiting().get() == agreement
            assert try_to_render(agreement_id=agreement.pk) is None
            assert not waiting().exists()
            following = FailedRendering.objects.get().not_before
        pauses.append((following - now).total_seconds() / 60)
        now = following
    assert pauses == [1, 2, 4, 8]
    levels = [record.levelno for record in caplog.records if agreement.number in record.message]
    assert levels == [logging.ERROR, *[logging.WARNING] * 3]
    assert failing().get().failed_rendering.last_error.startswith("Misconfigured: ")

    broken_key.undo()
    with time_machine.travel(now, tick=False):
        assert waiting().get() == agreement
    assert try_to_render(agreement_id=agreement.pk).size > 0
    assert not failing().exists()


def test_the_pause_does_not_grow_without_end(broken_key):
    agreement = signed_agreement()
    FailedRendering.objects.create(agreement=agreement, attempts=500)
    try_to_render(agreement_id=agreement.pk)
    pause = FailedRendering.objects.get().not_before - timezone.now()
    assert timedelta(hours=17) < pause < timedelta(hours=18)


def test_one_that_fails_does_not_hold_up_others(broken_key):
    agreement, other = signed_agreement(), signed_agreement()
    try_to_render(agreement_id=agreement.pk)
    assert waiting().get() == other


def test_what_does_not_exist_is_not_tried_again():
    with pytest.raises(NotFound):
        try_to_render(agreement_id="00000000-0000-0000-0000-000000000000")
    assert not FailedRendering.objects.exists()
