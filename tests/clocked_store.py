"""A store whose clock a test sets."""

from datetime import UTC, datetime

from watched_store import WatchedStore

from modelreg.store import Store


class ClockedStore(WatchedStore):
    """Passes everything on to another store, but the time is `now`."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.now = datetime(2026, 10, 1, 12, tzinfo=UTC)

    def set(self, time: str) -> None:
        """Set the clock to a time that is written as in a record."""
        self.now = datetime.fromisoformat(time)

    def clock(self) -> datetime:
        return self.now
