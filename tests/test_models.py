"""What holds for every model of the portal."""

import pytest
from django.apps import apps
from django.db.models import PROTECT

POINTERS = [
    field
    for model in apps.get_app_config("requests_app").get_models()
    for field in model._meta.get_fields()
    if field.concrete and (field.many_to_one or field.one_to_one)
]


@pytest.mark.parametrize("field", POINTERS, ids=str)
def test_nothing_disappears_with_what_it_points_to(field):
    assert field.remote_field.on_delete is PROTECT


def test_there_are_pointers_to_look_at():
    assert len(POINTERS) > 10
