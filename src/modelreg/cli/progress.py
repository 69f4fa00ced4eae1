"""A progress bar on a terminal's stderr, drawn only once work takes long enough to be waited for."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelreg.cli.output import say, size_text
from modelreg.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

DELAY = 0.4
"""Seconds of silence before the bar."""

INTERVAL = 10.0
"""Seconds between the lines in a log."""

_LABELS = {
    "hash": "Hashing",
    "upload": "Uploading",
    "download": "Downloading",
    "verify": "Verifying",
    "read": "Reading the image",
    "check": "Checking",
    "wait": "Waiting for another pull into this folder",
}


@contextmanager
def shown(*, quiet: bool, interval: float = INTERVAL) -> Iterator[ProgressCallback | None]:
    """Yield a callback that draws a bar on a terminal and writes a line now and then elsewhere; None where neither.

    interval: seconds between two lines.
    """
    if quiet:
        yield None
        return
    drawing = _Drawing() if sys.stderr.isatty() else _Log(interval)
    try:
        yield drawing.update
    finally:
        drawing.end()


def steps(*, quiet: bool) -> Callable[[str], None]:
    """Return what tells a person at a terminal of each step; elsewhere nobody is told."""
    shown = not quiet and sys.stderr.isatty()
    return say if shown else lambda _: None


class _Log:
    """A plain line every so many seconds, of work that takes longer."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._start = self._last = time.monotonic()
        self._stage = ""

    def update(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._start, self._last = progress.stage, now, now
        if now - self._last < self._interval:
            return
        self._last = now
        if not progress.total:
            say(f"{_LABELS[progress.stage]} …")
            return
        done, rate = progress.done / max(progress.total, 1), progress.done / (now - self._start)
        say(f"{_LABELS[progress.stage]}: {done:.0%} of {size_text(progress.total)}, {size_text(int(rate))}/s")

    def end(self) -> None:
        """Nothing is left open."""


class _Drawing:
    def __init__(self) -> None:
        self._start = time.monotonic()
        self._bar: Bar | None = None
        self._tasks: dict[str, TaskID] = {}

    def update(self, progress: Progress) -> None:
        if self._bar is None:
            if time.monotonic() - self._start < DELAY:
                return
            self._bar = _bar()
            self._bar.start()
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bar.add_task(_LABELS[progress.stage], total=progress.total)
        self._bar.update(self._tasks[progress.stage], completed=progress.done)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _bar() -> "Bar":
    # Imported here: rich is for terminals, and short work draws nothing.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Bar(*columns, console=Console(stderr=True), transient=True)
