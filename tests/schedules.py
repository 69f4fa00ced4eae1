"""Runs the real code of several actors over one store in an order that a seed decides, one operation at a time."""

import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from memory_store import MemoryStore

from modelreg.digest import Poured
from modelreg.store import Entry

MANNERS = ((0.9, 0.0, 0.0), (0.7, 0.3, 0.0), (0.5, 0.2, 0.05), (0.1, 0.1, 0.15))
"""How often an actor is interrupted before it creates a record, after that, and elsewhere; a schedule has one of these."""
STALLING = 0.15
"""How often one that is interrupted never goes on again."""

_NUMBERED = re.compile(r"/\d{8}[./]")
_Listed = TypeVar("_Listed", str, Entry)


class Abandoned(BaseException):
    """Ends the thread of an actor that has stalled for ever; nothing that it still does reaches the store."""


class Schedule:
    """Decides who goes on: the first of those who can, until it is interrupted and has to queue up anew."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.before_record, self.after_record, self.elsewhere = self.chance.choice(MANNERS)
        self._queue: list[int] = []
        self._stalled: list[int] = []
        self._gates: list[threading.Lock] = []
        self._end = threading.Lock()
        self._is_over = False

    @classmethod
    def undisturbed(cls) -> "Schedule":
        """One actor after the other."""
        schedule = cls(0)
        schedule.before_record = schedule.after_record = schedule.elsewhere = 0.0
        return schedule

    def run(self, actors: Sequence[Callable[[], None]]) -> None:
        """Run the actors, each in a thread, until each has finished or stalled for ever."""
        self._queue = self.chance.sample(range(len(actors)), len(actors))
        self._gates = [_shut() for _ in actors]
        self._end = _shut()
        threads = [threading.Thread(target=self._live, args=item, daemon=True) for item in enumerate(actors)]
        for thread in threads:
            thread.start()
        self._wake_first()
        self._end.acquire()
        self._is_over = True
        for me in self._stalled:
            self._gates[me].release()
        for thread in threads:
            thread.join()

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
        self._gates[me].acquire()
        if self._is_over:
            raise Abandoned

    def _live(self, me: int, actor: Callable[[], None]) -> None:
        self._gates[me].acquire()
        try:
            actor()
        except Abandoned:
            if self._is_over:
                return
        self._queue.remove(me)
        self._wake_first()

    def _wake_first(self) -> None:
        (self._gates[self._queue[0]] if self._queue else self._end).release()


def _shut() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class ClockedStore(MemoryStore):
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

    def __init__(self, inner: ClockedStore, schedule: Schedule, me: int) -> None:
        self._inner = inner
        self._schedule = schedule
        self._me = me

    @property
    def url(self) -> str:
        return self._inner.url

    def create(self, key: str, data: bytes) -> None:
        schedule, is_record = self._schedule, _NUMBERED.search(key) is not None
        schedule.pause(self._me, schedule.before_record if is_record else schedule.elsewhere)
        try:
            self._inner.create(key, data)
        finally:
            schedule.pause(self._me, schedule.after_record if is_record else schedule.elsewhere)

    def upload(self, key: str, source: Path, progress: Callable[[int], None] | None = None) -> Poured:
        self._pause()
        return self._inner.upload(key, source, progress)

    def read(self, key: str, limit: int) -> bytes:
        self._pause()
        return self._inner.read(key, limit)

    def stream(self, key: str) -> Iterator[bytes]:
        self._pause()
        yield from self._inner.stream(key)

    def entries(self, prefix: str) -> Iterator[Entry]:
        yield from self._listed(lambda: self._inner.entries(prefix))

    def folders(self, prefix: str) -> list[str]:
        return self._listed(lambda: self._inner.folders(prefix))

    def delete(self, key: str) -> None:
        self._pause()
        self._inner.delete(key)

    def sweep(self, before: datetime, *, apply: bool) -> int:
        return self._inner.sweep(before, apply=apply)

    def clock(self) -> datetime:
        self._inner.now += timedelta(seconds=self._schedule.chance.randrange(2))
        return self._inner.now

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
