"""Times and durations: as people type them, and as records hold them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelreg import UsageError
from modelreg.times import duration, since, timestamp, until

TYPED = {
    "a date": ("2026-11-22", "2026-11-22T00:00:00Z", "2026-11-22T23:59:59Z"),
    "a date with spaces around it": (" 2026-11-22 ", "2026-11-22T00:00:00Z", "2026-11-22T23:59:59Z"),
    "a date without dashes": ("20261122", "2026-11-22T00:00:00Z", "2026-11-22T23:59:59Z"),
    "a leap day": ("2028-02-29", "2028-02-29T00:00:00Z", "2028-02-29T23:59:59Z"),
    "a time, which is UTC": ("2026-11-22T14:30", "2026-11-22T14:30:00Z", "2026-11-22T14:30:00Z"),
    "a time with a space": ("2026-11-22 14:30:05", "2026-11-22T14:30:05Z", "2026-11-22T14:30:05Z"),
    "a time of UTC": ("2026-11-22T14:30:05Z", "2026-11-22T14:30:05Z", "2026-11-22T14:30:05Z"),
    "a time of elsewhere": ("2026-11-22T14:30:05+02:00", "2026-11-22T12:30:05Z", "2026-11-22T12:30:05Z"),
    "a time of elsewhere, the day before": ("2026-11-22T01:00-05:30", "2026-11-22T06:30:00Z", "2026-11-22T06:30:00Z"),
    "a fraction of a second": ("2026-11-22T14:30:05.999Z", "2026-11-22T14:30:05Z", "2026-11-22T14:30:05Z"),
    "midnight": ("2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z"),
    "a year of three digits": ("0999-01-01", "0999-01-01T00:00:00Z", "0999-01-01T23:59:59Z"),
}


@pytest.mark.parametrize(("typed", "begins", "ends"), TYPED.values(), ids=list(TYPED))
def test_a_date_begins_at_midnight_and_ends_a_second_before_the_next_one(typed: str, begins: str, ends: str) -> None:
    assert (since(typed), until(typed)) == (begins, ends)


NO_TIMES = ["", "now", "yesterday", "22.11.2026", "2026-13-01", "2026-02-30", "2026-11-22T25:00", "2026", "-1", "\0"]
# The first and the last hours there are, seen from elsewhere.
BEYOND = ["0001-01-01T00:00+14:00", "9999-12-31T23:00-14:00"]


@pytest.mark.parametrize("typed", [*NO_TIMES, *BEYOND])
def test_what_is_no_time_is_refused_with_two_that_are(typed: str) -> None:
    for read in (since, until):
        with pytest.raises(UsageError, match=r"is no time; write 2026-11-22 or 2026-11-22T14:30:00Z"):
            read(typed)


_moments = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29))  # noqa: DTZ001  # see below
_zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(_moments, _zones, _moments, _zones)
def test_records_order_times_of_all_zones_as_text(
    one: datetime, one_zone: timezone, other: datetime, other_zone: timezone
) -> None:
    first, second = one.replace(tzinfo=one_zone), other.replace(tzinfo=other_zone)
    assert len(timestamp(first)) == len("2026-11-22T14:30:00Z")
    assert datetime.fromisoformat(timestamp(first)) == first.replace(microsecond=0)
    whole = (first.replace(microsecond=0), second.replace(microsecond=0))
    assert (timestamp(first) < timestamp(second)) == (whole[0] < whole[1])


@given(_moments, _zones)
def test_a_time_of_a_record_is_read_as_itself(moment: datetime, zone: timezone) -> None:
    recorded = timestamp(moment.replace(tzinfo=zone))
    assert since(recorded) == until(recorded) == recorded


DURATIONS = {
    "0": timedelta(0),
    "24h": timedelta(days=1),
    "24": timedelta(days=1),
    "7d": timedelta(days=7),
    "7 d": timedelta(days=7),
    " 90m ": timedelta(minutes=90),
    "30s": timedelta(seconds=30),
    "2w": timedelta(days=14),
    "36500d": timedelta(days=36500),
}


@pytest.mark.parametrize(("typed", "lasting"), DURATIONS.items())
def test_a_duration_is_a_number_with_a_unit_or_of_hours(typed: str, lasting: timedelta) -> None:
    assert duration(typed) == lasting


@pytest.mark.parametrize("typed", ["", "h", "-1h", "1.5h", "1 day", "1h30m", "1y", "٣h", "1e3", "999999999w"])
def test_what_is_no_duration_is_refused_with_some_that_are(typed: str) -> None:
    with pytest.raises(UsageError, match="is no duration; write 24h, 7d or 90m"):
        duration(typed)


@pytest.mark.parametrize("typed", ["36501d", "99999999w"])
def test_a_duration_that_no_clock_can_go_back_by_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="longer than 100 years"):
        duration(typed)
    assert datetime(2026, 1, 1, tzinfo=UTC) - duration("36500d") < datetime(1927, 1, 1, tzinfo=UTC)
