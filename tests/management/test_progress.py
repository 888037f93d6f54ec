"""The progress bar: silent for short work and for files, one clean line on a terminal."""

import io

import pytest

from requests_app.management import progress
from requests_app.management.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_long_work_on_a_terminal_is_drawn_and_wiped(clock):
    stream = Terminal()
    with ProgressBar(stream, "Publishing") as bar:
        clock.now += 1.5
        bar(500, 2000)
        assert stream.getvalue() == "\rPublishing [#######.......................] 500 of 2,000 "
    assert stream.getvalue().endswith("\r\033[K")


def test_it_is_drawn_at_most_ten_times_a_second(clock):
    stream = Terminal()
    with ProgressBar(stream, "Publishing") as bar:
        clock.now += 1.5
        for done in range(100):
            clock.now += 0.01
            bar(done, 100)
    assert 9 <= stream.getvalue().count("Publishing") <= 11


def test_work_shorter_than_a_second_is_not_drawn(clock):
    stream = Terminal()
    with ProgressBar(stream, "Publishing") as bar:
        clock.now += 0.9
        bar(1, 2)
    assert stream.getvalue() == ""


def test_nothing_is_drawn_into_a_file(clock):
    stream = io.StringIO()
    with ProgressBar(stream, "Publishing") as bar:
        clock.now += 60
        bar(1, 2)
    assert stream.getvalue() == ""


def test_no_work_at_all_does_no_harm(clock):
    stream = Terminal()
    with ProgressBar(stream, "Publishing") as bar:
        clock.now += 2
        bar(0, 0)
    assert "0 of 0" in stream.getvalue()
