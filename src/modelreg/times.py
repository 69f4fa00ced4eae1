"""Times and durations: as records hold them, and as people type them."""

import re
from datetime import UTC, datetime, time, timedelta

from modelreg.errors import UsageError

_DATE = len("2026-11-22")
_DURATION = r"([0-9]{1,8})\s*(s|m|h|d|w)?"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=100 * 365)


def timestamp(moment: datetime) -> str:
    """Return a time as records hold it: UTC, `YYYY-MM-DDTHH:MM:SSZ`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def until(text: str) -> str:
    """Return the end of what a person types as a time, as records hold it: of a bare date, the end of that day (UTC).

    Raises:
        UsageError: it is neither a date nor a time (ISO 8601). A time without an offset is UTC.
    """
    moment = _parse(text)
    if len(text.strip()) <= _DATE:
        moment = datetime.combine(moment.date(), time(23, 59, 59), UTC)
    return timestamp(moment)


def since(text: str) -> str:
    """Return the beginning of what a person types as a time, as records hold it: of a bare date, its midnight (UTC).

    Raises:
        UsageError: it is neither a date nor a time (ISO 8601). A time without an offset is UTC.
    """
    return timestamp(_parse(text))


def duration(text: str) -> timedelta:
    """Return a duration such as `24h`, `7d` or `90m`; a bare number is hours.

    Raises:
        UsageError: it is none, or longer than 100 years.
    """
    match = re.fullmatch(_DURATION, text.strip(), re.ASCII)
    if match is None:
        raise UsageError(f"{text!r} is no duration; write 24h, 7d or 90m")
    lasting = timedelta(**{_UNITS[match[2] or "h"]: int(match[1])})
    if lasting > _LONGEST:
        raise UsageError(f"{text!r} is longer than 100 years; write less")
    return lasting


def _parse(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time; write 2026-11-22 or 2026-11-22T14:30:00Z") from None
