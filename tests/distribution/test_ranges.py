"""A Range header against a length, checked with an oracle that thinks in sets of positions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_app.distribution.ranges import (
    LONGEST_HEADER,
    MOST_DIGITS,
    Kind,
    Selection,
    select,
)

TAG = '"9f86d081884c7d65"'


def ask(header: str | None, length: int, if_range: str | None = None) -> Selection:
    return select(range_header=header, if_range=if_range, length=length, etag=TAG)


def part(header: str, length: int) -> tuple[int, int]:
    selection = ask(header, length)
    assert selection.kind is Kind.PART, header
    return selection.start, selection.stop


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-499", (0, 500)),
        ("bytes=500-", (500, 1000)),
        ("bytes=-500", (500, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("bytes=999-5000", (999, 1000)),
        ("bytes=0-", (0, 1000)),
        ("BYTES=1-2", (1, 3)),
        ("bytes=007-008", (7, 9)),
        ("bytes=1-2,", (1, 3)),
        ("bytes=, ,\t1-2 ,", (1, 3)),
        ("bytes=1-2, 5000-6000", (1, 3)),
        ("  bytes=1-2\t", (1, 3)),
        (f"bytes=3-{'9' * MOST_DIGITS}", (3, 1000)),
        (f"bytes=-{'9' * MOST_DIGITS}", (0, 1000)),
        (f"bytes={'0' * 3000}7-{'0' * 900}8", (7, 9)),
    ],
)
def test_one_part_is_selected(header, span):
    assert part(header, 1000) == span


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes =0-1",
        "bytes=0-1\n",
        "items=0-1",
        "items=" + "," * LONGEST_HEADER,
        "0-1",
        "bytes=0-1,5-9",
        "bytes=0-,0-",
    ],
)
def test_the_whole_is_sent(header):
    assert ask(header, 1000) == Selection(Kind.WHOLE, 0, 1000, 1000)


@pytest.mark.parametrize(
    "header",
    [
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=--1",
        "bytes=1-2-3",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=1.5-2",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes= 0-1",
        "bytes=0 -1",
        "bytes=0-1;2-3",
        "bytes=1_0-2_0",
        "bytes=١-٢",
        "bytes=²-",
        "bytes=0-1, x",
        "bytes=0-1" + "," * LONGEST_HEADER,
        f"bytes=0-1{'0' * MOST_DIGITS}",
        f"bytes=-1{'0' * MOST_DIGITS}",
    ],
)
def test_what_is_malformed_or_absurd_is_refused(header):
    assert ask(header, 1000) == Selection(Kind.UNSATISFIABLE, 0, 0, 1000)


@pytest.mark.parametrize(
    "header", ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=-0,2000-", f"bytes={'8' * 99}-"]
)
def test_a_range_beyond_the_end_cannot_be_satisfied(header):
    selection = ask(header, 1000)
    assert selection.kind is Kind.UNSATISFIABLE
    assert selection.content_range == "bytes */1000"
    assert selection.count == 0


def test_an_empty_file():
    assert ask("bytes=-5", 0).kind is Kind.WHOLE
    assert ask("bytes=0-", 0).content_range == "bytes */0"
    assert ask("bytes=-0", 0).kind is Kind.UNSATISFIABLE
    assert ask(None, 0).count == 0


def test_the_content_range_names_the_last_byte_inclusively():
    selection = ask("bytes=10-19", 1000)
    assert (selection.content_range, selection.count) == ("bytes 10-19/1000", 10)
    assert ask(None, 1000).content_range is None


@pytest.mark.parametrize(
    ("if_range", "kind"),
    [
        (None, Kind.PART),
        (TAG, Kind.PART),
        (f" {TAG} ", Kind.PART),
        ('"another"', Kind.WHOLE),
        (f"W/{TAG}", Kind.WHOLE),
        (TAG.strip('"'), Kind.WHOLE),
        (f"{TAG}, {TAG}", Kind.WHOLE),
        ("Wed, 21 Oct 2015 07:28:00 GMT", Kind.WHOLE),
        ("*", Kind.WHOLE),
        ("", Kind.WHOLE),
    ],
)
def test_if_range_needs_the_same_strong_tag(if_range, kind):
    assert ask("bytes=1-2", 1000, if_range).kind is kind


def test_a_weak_tag_of_ours_would_never_match():
    weak = select(range_header="bytes=1-2", if_range='W/"x"', length=9, etag='W/"x"')
    assert weak.kind is Kind.WHOLE


positions = st.one_of(st.integers(0, 12), st.integers(0, 10**MOST_DIGITS - 1))
specs = st.one_of(
    st.tuples(positions, positions).map(lambda pair: (min(pair), max(pair))),
    st.tuples(positions, st.none()),
    st.tuples(st.none(), positions),
)


def written(spec: tuple[int | None, int | None]) -> str:
    first, last = ("" if end is None else str(end) for end in spec)
    return f"{first}-{last}"


def named(spec: tuple[int | None, int | None], length: int) -> set[int]:
    first, last = spec
    if first is None:
        return {at for at in range(length) if length - at <= last}
    return {at for at in range(length) if at >= first and (last is None or at <= last)}


@given(
    st.lists(specs, min_size=1, max_size=4),
    st.integers(1, 12),
    st.sampled_from([",", ", ", " ,\t", ",,"]),
)
def test_selected_bytes_are_the_named_ones(ranges, length, comma):
    sets = [named(spec, length) for spec in ranges]
    answered = [positions for positions in sets if positions]
    selection = ask("bytes=" + comma.join(written(spec) for spec in ranges), length)
    selected = set(range(selection.start, selection.stop))
    if not answered:
        assert selection.kind is Kind.UNSATISFIABLE
    elif len(answered) > 1:
        assert selection == Selection(Kind.WHOLE, 0, length, length)
    else:
        assert (selection.kind, selected) == (Kind.PART, answered[0])


@given(
    st.one_of(
        st.text(), st.text("bytes=-,0123456789 \t"), st.text("0123456789-, ").map("bytes={}".format)
    ),
    st.one_of(st.none(), st.text()),
    st.integers(0, 2**63),
)
def test_nothing_a_client_writes_raises(header, if_range, length):
    selection = ask(header, length, if_range)
    assert 0 <= selection.start <= selection.stop <= length
    assert (selection.kind is Kind.PART) <= (selection.count > 0)
