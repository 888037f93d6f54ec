import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Renders in a process of its own: fontconfig reads its configuration once.
RENDER = """
import warnings; warnings.simplefilter("ignore")
import django; django.setup()
from dataclasses import replace
from requests_app.agreements.pdf import render_pdf
from requests_app.errors import Misconfigured
from tests.factories.agreements import document_input
for purpose in {purposes!r}:
    try:
        print(len(render_pdf(document_input(purpose=purpose))) > 1000)
    except Misconfigured as error:
        print(error)
"""


def rendered(tmp_path, purposes, *fonts):
    folder = tmp_path / "fonts"
    folder.mkdir()
    for font in fonts:
        (folder / font.name).symlink_to(font)
    configuration = tmp_path / "fonts.conf"
    configuration.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<dir>{folder}</dir><cachedir>{tmp_path}/cache</cachedir></fontconfig>"
    )
    told = {"FONTCONFIG_FILE": str(configuration), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    ended = subprocess.run(
        [sys.executable, "-c", RENDER.format(purposes=purposes)],
        cwd=ROOT,
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_without_any_font_the_renderer_refuses_instead_of_ending_the_process(tmp_path):
    assert "no font on this machine" in rendered(tmp_path, ["To learn."])[0]


def test_letters_that_no_font_has_are_refused_and_named_and_symbols_are_not(tmp_path):
    listed = subprocess.run(
        ["fc-list", ":family=DejaVu Sans:style=Book", "file"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if not listed:
        pytest.skip("no DejaVu Sans here")
    font = Path(listed.splitlines()[0].strip().rstrip(":"))
    told = rendered(tmp_path, ["To learn.", "नमस्ते 陈", "To learn \U0001fabf \ue000."], font)
    assert (told[0], told[2]) == ("True", "True")
    assert "U+0928" in told[1]
    assert "fonts-noto" in told[1]
