"""Telling the caller how far long work has come."""

from collections.abc import Callable
from threading import Lock
from typing import NamedTuple


class Progress(NamedTuple):
    """How many of how many bytes are through.

    stage: `hash`, `upload`, `download`, `verify`, `check` (what lies in the registry), `read` (an image), or `wait`
    (for another process; of no bytes).
    """

    stage: str
    done: int
    total: int


ProgressCallback = Callable[[Progress], None]


class Meter:
    """Adds up bytes and reports each sum, one after the other whatever thread it comes from."""

    def __init__(self, stage: str, total: int, report: ProgressCallback | None) -> None:
        self._stage = stage
        self._total = total
        self._done = 0
        self._report = report
        self._lock = Lock()

    def add(self, size: int) -> None:
        """Count `size` bytes more."""
        with self._lock:
            self._done += size
            if self._report is not None:
                self._report(Progress(self._stage, self._done, self._total))
