"""A progress bar on a terminal's stderr, drawn only once work takes long enough to be waited for."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelreg.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

DELAY = 0.4
"""Seconds of silence before the bar."""

_LABELS = {"hash": "Hashing", "upload": "Uploading", "download": "Downloading", "verify": "Verifying"}


@contextmanager
def shown(*, quiet: bool) -> Iterator[ProgressCallback | None]:
    """Yield a callback that draws a bar, or None where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    drawing = _Drawing()
    try:
        yield drawing.update
    finally:
        drawing.end()


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
