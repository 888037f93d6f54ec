"""A drawn signature is read strictly, and what is kept can draw nothing but lines."""

import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.agreements.drawing import (
    HEIGHT,
    LONGEST,
    MOST_POINTS,
    MOST_STROKES,
    WIDTH,
    read_drawing,
)
from requests_app.errors import Invalid

KEPT = re.compile(r"(M\d+ \d+( L\d+ \d+)+( (?=M)|$))*")
POINTS = st.tuples(st.integers(0, WIDTH), st.integers(0, HEIGHT)).map(list)
DRAWINGS = st.lists(st.lists(POINTS, min_size=1, max_size=20), max_size=10)


@given(DRAWINGS)
def test_every_point_is_kept_in_its_order(strokes):
    path = read_drawing(json.dumps(strokes))
    assert KEPT.fullmatch(path)
    lines = [[int(n) for n in re.findall(r"\d+", line)] for line in path.split("M")[1:]]
    expected = [stroke if len(stroke) > 1 else stroke * 2 for stroke in strokes]
    assert lines == [[n for point in stroke for n in point] for stroke in expected]


@given(
    st.one_of(
        st.text(max_size=50),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.text(max_size=3), inner, max_size=3)
            ),
            max_leaves=20,
        ).map(json.dumps),
    )
)
def test_whatever_is_sent_is_a_path_or_is_refused(sent):
    with contextlib.suppress(Invalid):
        assert KEPT.fullmatch(read_drawing(sent))


@pytest.mark.parametrize("sent", ["", "  ", "[]"])
def test_none_is_none(sent):
    assert read_drawing(sent) == ""


@pytest.mark.parametrize(
    "strokes",
    [
        [[]],
        [[[1, 2], [3]]],
        [[[1, 2, 3]]],
        [[[True, False]]],
        [[[1.5, 2]]],
        [[[-1, 2]]],
        [[[WIDTH + 1, 2]]],
        [[[1, HEIGHT + 1]]],
        [[["1", "2"]]],
        {"0": [[1, 2]]},
        [[[1, 2]]] * (MOST_STROKES + 1),
        [[[1, 2]] * (MOST_POINTS + 1)],
    ],
    ids=lambda strokes: str(strokes)[:30],
)
def test_what_is_no_drawing_is_refused(strokes):
    with pytest.raises(Invalid):
        read_drawing(json.dumps(strokes))


@pytest.mark.parametrize("sent", ["[" * 50_000, " " * LONGEST + "[]", '[[[1,2]]]"/><script>'])
def test_nothing_hangs_or_slips_through(sent):
    with pytest.raises(Invalid):
        read_drawing(sent)
