from datetime import UTC, datetime

from django.template import Context, Template


def test_times_are_written_on_a_clock_with_24_hours():
    shown = Template("{{ at }}").render(Context({"at": datetime(2026, 1, 31, 14, 5, tzinfo=UTC)}))
    assert shown == "31 January 2026, 14:05"
