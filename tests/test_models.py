"""What holds for every model of the portal."""

import ast
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import PROTECT

import requests_app

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


def test_whoever_locks_a_row_holds_up_nobody_who_refers_to_it():
    """PostgreSQL looks up what a new row refers to at its commit, where `FOR UPDATE` would meet it
    in whatever order: two deeds that wait for each other are broken off."""
    calls = [
        (file.name, call.lineno, {each.arg for each in call.keywords})
        for file in Path(requests_app.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "select_for_update"
    ]
    assert len(calls) > 20
    assert not [call for call in calls if "no_key" not in call[2]]
