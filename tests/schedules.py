"""Runs the real code of several actors over one store, one operation at a time, in an order that a seed decides."""

import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from memory_store import MemoryStore

from modelreg.digest import Piece, Poured
from modelreg.store import Copier, Entry, Fetcher, Store

MANNERS = ((0.9, 0.0, 0.0), (0.7, 0.3, 0.0), (0.5, 0.2, 0.05), (0.1, 0.1, 0.15))
"""How often an actor is interrupted before it creates a record, after that, and elsewhere; each schedule has one."""
STALLING = 0.15
"""How often one that is interrupted never goes on again."""

_NUMBERED = re.compile(r"/\d{8}[./]")
_Listed = TypeVar("_Listed", str, Entry)


class Abandoned(BaseException):
    """Ends an actor that has stalled for ever; nothing that it still does reaches the store."""


class Crew:
    """Threads that play the actors of one schedule after the other: to start some takes longer than a schedule."""

    def __init__(self) -> None:
        self.gates: list[threading.Lock] = []
        self._parts: list[Callable[[], None] | None] = []
        self._threads: list[threading.Thread] = []

    def take(self, parts: Sequence[Callable[[], None]]) -> None:
        """Give the first threads a part each, which they begin when their gate is released."""
        for me in range(len(self._threads), len(parts)):
            self.gates.append(_shut())
            self._parts.append(None)
            self._threads.append(threading.Thread(target=self._play, args=(me,), daemon=True))
            self._threads[me].start()
        self._parts[: len(parts)] = parts

    def dismiss(self) -> None:
        """End the threads."""
        self._parts = [None for _ in self._parts]
        for gate, thread in zip(self.gates, self._threads, strict=True):
            gate.release()
            thread.join()

    def _play(self, me: int) -> None:
        while True:
            self.gates[me].acquire()
            part = self._parts[me]
            if part is None:
                return
            part()


class Schedule:
    """Decides who goes on: the first in a queue, until it is interrupted and has to queue up again."""

    def __init__(self, crew: Crew, seed: int = 0, manner: tuple[float, float, float] | None = None) -> None:
        self.chance = random.Random(seed)
        self.before_record, self.after_record, self.elsewhere = manner or self.chance.choice(MANNERS)
        self._crew = crew
        self._queue: list[int] = []
        self._stalled: list[int] = []
        self._end = _shut()
        self._is_over = False

    def run(self, actors: Sequence[Callable[[], None]]) -> None:
        """Run the actors until each has finished or stalled for ever."""
        self._queue = self.chance.sample(range(len(actors)), len(actors))
        self._crew.take([self._part(me, actor) for me, actor in enumerate(actors)])
        self._wake_first()
        self._end.acquire()
        self._is_over = True
        for me in self._stalled:
            self._crew.gates[me].release()
            self._end.acquire()

    def pause(self, me: int, chance: float) -> None:
        """Interrupt an actor, or not."""
        if self._is_over:
            raise Abandoned
        if self.chance.random() < chance:
            self.interrupt(me, stalls=self.chance.random() < STALLING)

    def interrupt(self, me: int, *, stalls: bool = False) -> None:
        """Let others go on, and return when it is this actor's turn again."""
        self._queue.remove(me)
        if stalls:
            self._stalled.append(me)
        else:
            self._queue.insert(self.chance.randint(min(1, len(self._queue)), len(self._queue)), me)
            if self._queue[0] == me:
                return
        self._wake_first()
        self._crew.gates[me].acquire()
        if self._is_over:
            raise Abandoned

    def _part(self, me: int, actor: Callable[[], None]) -> Callable[[], None]:
        def play() -> None:
            try:
                actor()
            except Abandoned:
                if self._is_over:
                    self._end.release()
                    return
            self._queue.remove(me)
            self._wake_first()

        return play

    def _wake_first(self) -> None:
        (self._crew.gates[self._queue[0]] if self._queue else self._end).release()


def _shut() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class SharedStore(MemoryStore):
    """A store whose clock goes on only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def clock(self) -> datetime:
        return self.now


class ActorsStore:
    """One actor's view of a store: around each operation others may go on.

    A listing takes its time: what is created or deleted while it runs may be in it, or not.
    """

    def __init__(self, inner: SharedStore, schedule: Schedule, me: int) -> None:
        self.inner = inner
        self._schedule = schedule
        self._me = me

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def parallel(self) -> int:
        return 1

    def create(self, key: str, data: bytes) -> None:
        schedule, is_record = self._schedule, _NUMBERED.search(key) is not None
        schedule.pause(self._me, schedule.before_record if is_record else schedule.elsewhere)
        try:
            self.inner.create(key, data)
        finally:
            schedule.pause(self._me, schedule.after_record if is_record else schedule.elsewhere)

    def upload(
        self, key: str, source: Path, progress: Callable[[int], None] | None = None, *, resume: bool = False
    ) -> Poured:
        self._pause()
        return self.inner.upload(key, source, progress, resume=resume)

    def copier(self, source: Store) -> Copier | None:
        return self.inner.copier(source)

    def matches(self, key: str, file: Poured, source: Path | None) -> bool:
        self._pause()
        return self.inner.matches(key, file, source)

    def read(self, key: str, limit: int) -> bytes:
        self._pause()
        return self.inner.read(key, limit)

    def stream(self, key: str, start: int = 0) -> Iterator[Piece]:
        self._pause()
        yield from self.inner.stream(key, start)

    def fetcher(self) -> Fetcher | None:
        return self.inner.fetcher()

    def entries(self, prefix: str) -> Iterator[Entry]:
        yield from self._listed(lambda: self.inner.entries(prefix))

    def folders(self, prefix: str) -> list[str]:
        return self._listed(lambda: self.inner.folders(prefix))

    def delete(self, key: str) -> None:
        self._pause()
        self.inner.delete(key)

    def sweep(self, before: datetime, *, apply: bool) -> int:
        return self.inner.sweep(before, apply=apply)

    def clock(self) -> datetime:
        self.inner.now += timedelta(seconds=self._schedule.chance.randrange(2))
        return self.inner.now

    def give_way(self) -> None:
        """Let others go on first."""
        self._schedule.pause(self._me, 0.0)
        self._schedule.interrupt(self._me)

    def _pause(self) -> None:
        self._schedule.pause(self._me, self._schedule.elsewhere)

    def _listed(self, look: "Callable[[], Iterator[_Listed] | list[_Listed]]") -> list[_Listed]:
        self._pause()
        before = set(look())
        self._pause()
        after = set(look())
        uncertain = sorted(before ^ after)
        return sorted((before & after) | {item for item in uncertain if self._schedule.chance.random() < 0.5})
