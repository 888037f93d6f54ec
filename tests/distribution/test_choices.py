"""Choices of classes and splits: how they are read, and which files are in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.distribution.choices import WHOLE, Choice, Content, chosen, read_choice
from requests_app.errors import Invalid, NotFound


def content(path: str, label: str = "", split: str | None = None) -> Content:
    return Content(path, 1, 0, "0" * 64, label, split)


FILES = [
    content("README.txt"),
    content("a.mp4", "anger", "train"),
    content("b.mp4", "anger", "test"),
    content("c.mp4", "joy", "train"),
    content("d.mp4", "calm"),
]


@pytest.mark.parametrize(
    ("choice", "paths"),
    [
        (WHOLE, "README.txt a.mp4 b.mp4 c.mp4 d.mp4"),
        (Choice(("anger",)), "README.txt a.mp4 b.mp4"),
        (Choice(("anger", "joy")), "README.txt a.mp4 b.mp4 c.mp4"),
        (Choice((), ("train",)), "README.txt a.mp4 c.mp4"),
        (Choice(("anger",), ("test",)), "README.txt b.mp4"),
    ],
)
def test_what_is_about_the_whole_release_comes_along(choice, paths):
    assert " ".join(each.path for each in chosen(FILES, choice)) == paths


@pytest.mark.parametrize("choice", [Choice(("sadness",)), Choice((), ("dev",)), Choice(("",))])
def test_a_class_or_split_that_is_not_there(choice):
    with pytest.raises(NotFound):
        chosen(FILES, choice)


@pytest.mark.parametrize("choice", [Choice(("joy",), ("test",)), Choice(("calm",), ("train",))])
def test_a_choice_without_clips(choice):
    with pytest.raises(Invalid):
        chosen(FILES, choice)


@pytest.mark.parametrize("pairs", [[("class", "")], [("clas", "joy")], [("class", "a"), ("x", "")]])
def test_a_misspelt_choice_is_not_everything(pairs):
    with pytest.raises(Invalid):
        read_choice(pairs)


pairs = st.lists(
    st.tuples(st.sampled_from(["class", "split"]), st.text("ab&=+ é", min_size=1, max_size=3)),
    max_size=5,
)


@given(pairs, st.randoms())
def test_order_and_repetition_do_not_matter(found, chance):
    other = [*found, *found[:2]]
    chance.shuffle(other)
    assert read_choice(other) == read_choice(found)
    assert read_choice(other).query == read_choice(found).query
