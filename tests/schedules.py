"""Runs the real code of several actors over one store in an order that a seed decides, one operation at a time."""

import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memory_store import MemoryStore

from modelreg.digest import Poured
from modelreg.store import Entry

AT_RECORDS = (0.2, 0.5, 0.8)
ELSEWHERE = (0.0, 0.01, 0.05)
"""How often, in one schedule, an actor is interrupted: before and after it creates a record, and at other operations."""
STALLING = 0.2
"""How often one that is interrupted never goes on again."""


_NUMBERED = re.compile(r"/\d{8}[./]")


class Abandoned(BaseException):
    """Ends the thread of an actor that has stalled for ever; nothing of it reaches the store any more."""


class Schedule:
    """Decides who goes on. Actors have an order of precedence, and who is interrupted becomes the last."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.stalled: set[int] = set()
        self.steps = 0
        self._at_records = self.chance.choice(AT_RECORDS)
        self._elsewhere = self.chance.choice(ELSEWHERE)
        self._precedence: list[int] = []
        self._gates: list[threading.Lock] = []
        self._end = threading.Lock()
        self._is_over = False

    def run(self, actors: Sequence[Callable[[], None]]) -> None:
        """Run the actors, each in a thread, until each has finished or stalled for ever."""
        self._precedence = self.chance.sample(range(len(actors)), len(actors))
        self._gates = [_closed() for _ in actors]
        self._end = _closed()
        threads = [
            threading.Thread(target=self._live, args=(me, actor), daemon=True) for me, actor in enumerate(actors)
        ]
        for thread in threads:
            thread.start()
        self._wake_first()
        self._end.acquire()
        self._is_over = True
        for me in self.stalled:
            self._gates[me].release()
        for thread in threads:
            thread.join()

    def pause(self, me: int, *, at_record: bool = False) -> None:
        """Interrupt an actor before its next operation, or not."""
        if self._is_over:
            raise Abandoned
        self.steps += 1
        if self.chance.random() < (self._at_records if at_record else self._elsewhere):
            self._interrupt(me, stalls=self.chance.random() < STALLING)

    def give_way(self, me: int) -> None:
        """Let all others go on first."""
        if self._is_over:
            raise Abandoned
        self._interrupt(me, stalls=False)

    def _interrupt(self, me: int, *, stalls: bool) -> None:
        self._precedence.remove(me)
        if stalls:
            self.stalled.add(me)
        else:
            self._precedence.insert(self.chance.randint(1, len(self._precedence)) if self._precedence else 0, me)
        if self._precedence and self._precedence[0] == me:
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
            return
        self._precedence.remove(me)
        self._wake_first()

    def _wake_first(self) -> None:
        (self._gates[self._precedence[0]] if self._precedence else self._end).release()


def _closed() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class ClockedStore(MemoryStore):
    """A store whose clock stands still until it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def clock(self) -> datetime:
        return self.now


class ActorsStore:
    """One actor's view of a store: before each operation others may go on.

    A listing takes its time: what is created or deleted while it runs may be in it or not.
    """

    def __init__(self, inner: ClockedStore, schedule: Schedule, me: int) -> None:
        self._inner = inner
        self._schedule = schedule
        self._me = me

    @property
    def url(self) -> str:
        return self._inner.url

    def create(self, key: str, data: bytes) -> None:
        at_record = _NUMBERED.search(key) is not None
        self._schedule.pause(self._me, at_record=at_record)
        try:
            self._inner.create(key, data)
        finally:
            self._schedule.pause(self._me, at_record=at_record)

    def upload(self, key: str, source: Path, progress: Callable[[int], None] | None = None) -> Poured:
        self._schedule.pause(self._me)
        return self._inner.upload(key, source, progress)

    def read(self, key: str, limit: int) -> bytes:
        self._schedule.pause(self._me)
        return self._inner.read(key, limit)

    def stream(self, key: str) -> Iterator[bytes]:
        self._schedule.pause(self._me)
        yield from self._inner.stream(key)

    def entries(self, prefix: str) -> Iterator[Entry]:
        self._schedule.pause(self._me)
        before = set(self._inner.entries(prefix))
        self._schedule.pause(self._me)
        after = set(self._inner.entries(prefix))
        uncertain = sorted(before ^ after)
        yield from sorted((before & after) | {entry for entry in uncertain if self._schedule.chance.random() < 0.5})

    def folders(self, prefix: str) -> list[str]:
        self._schedule.pause(self._me)
        before = set(self._inner.folders(prefix))
        self._schedule.pause(self._me)
        after = set(self._inner.folders(prefix))
        uncertain = sorted(before ^ after)
        return sorted((before & after) | {name for name in uncertain if self._schedule.chance.random() < 0.5})

    def delete(self, key: str) -> None:
        self._schedule.pause(self._me)
        self._inner.delete(key)

    def sweep(self, before: datetime, *, apply: bool) -> int:
        return self._inner.sweep(before, apply=apply)

    def clock(self) -> datetime:
        self._inner.now += timedelta(seconds=self._schedule.chance.randrange(2))
        return self._inner.now

    def wait(self) -> None:
        """Let others go on."""
        self._schedule.give_way(self._me)
