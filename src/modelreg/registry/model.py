"""A model as its records stand: which versions there are, which are live, where the aliases point."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

from modelreg import layout
from modelreg.digest import digest_of
from modelreg.errors import IntegrityError, KeyAbsentError, NotFoundError, NotKeptError, UsageError
from modelreg.events import DELETED, RESTORING, Annotation, Deletion, Move, Uploads
from modelreg.parallel import ahead
from modelreg.records import VersionRecord
from modelreg.reference import LATEST, Reference, is_model_name
from modelreg.registry.ledger import reading
from modelreg.store import Entry, Store
from modelreg.times import until
from modelreg.version import State, Version

T = TypeVar("T")

MANY = 500
"""With more versions than this, what is read is kept in the cache, even of a folder of this machine."""


class remembered(Generic[T]):  # noqa: N801  # used as a decorator, like property
    """functools.cached_property without the lock of Python 3.11's, which makes all readers wait for one's store."""

    def __init__(self, look: Callable[[Any], T]) -> None:
        self._look = look
        self.__doc__ = look.__doc__

    def __get__(self, reader: "ModelReader", owner: type) -> T:
        """Look, and put the value where it is found without this descriptor from now on."""
        value = self._look(reader)
        reader.__dict__[self._look.__name__] = value
        return value


class ModelReader:
    """Reads one model of a store.

    The numbers of its versions are listed when it is made, and everything else when it is first asked for. Both are
    then remembered: for a fresh look, make a new reader.

    outline: ask first what kinds of records the model has. Where many models are read and few of them have all kinds,
    that saves most of the listings; it answers for the moment at which the reader is made.
    """

    def __init__(self, store: Store, name: str, *, outline: bool = False) -> None:
        self.store = store
        self.name = name
        self._outline = frozenset(store.folders(layout.model(name))) if outline else None
        self._listed: list[Entry] = []
        """The records of versions, annotations, deletions and moves, as far as they have been listed."""
        self._fetched: dict[str, bytes] = {}
        self.numbers = sorted(number for folder, number in self._numbered(layout.versions(name)) if not folder)
        """The numbers of all versions ever registered, ascending."""
        self._records: dict[int, tuple[VersionRecord, str]] = {}
        self._deletions: dict[tuple[int, int], Deletion] = {}
        self._plans: dict[int, Uploads] = {}

    def again(self) -> "ModelReader":
        """Return a reader that looks anew; what this one has read is not read again, as records never change."""
        reader = ModelReader(self.store, self.name)
        reader._records, reader._deletions, reader._plans = self._records, self._deletions, self._plans
        return reader

    def fetch(self) -> "ModelReader":
        """Read all records of versions at once where that is quicker; damaged ones are met when they are used."""
        if self.store.parallel > 1 or len(self.numbers) > MANY:
            from modelreg.cache.listed import prefetch

            self._facts, self._steps, self._moves  # noqa: B018  # list them
            read = {layout.version(self.name, number) for number in self._records}
            self._fetched = prefetch(self.store, (entry for entry in self._listed if entry.key not in read))
        return self

    def record(self, number: int) -> tuple[VersionRecord, str]:
        """Return a version's record and its digest.

        Raises:
            NotFoundError: there is no such version.
            IntegrityError: the record is damaged.
        """
        if number not in self._records:
            try:
                with self._reading(layout.version(self.name, number)) as data:
                    record = VersionRecord.from_bytes(data, self.name, number)
            except KeyAbsentError:
                raise self._no_version(number) from None
            self._records[number] = record, digest_of(data)
        return self._records[number]

    def look(self, number: int) -> Version:
        """Return a version, whether it is live or not.

        Raises:
            NotFoundError: there never was one.
            IntegrityError: its record is damaged.
        """
        record, digest = self.record(number)
        deletion = self.deletion(number)
        collected = record.artifact.upload in self.collected
        state = State.COLLECTED if collected else State.DELETED if deletion else State.LIVE
        names = self._names.get(number, ())
        return Version(record, digest, names, tuple(self.annotations(number)), state, deletion)

    def version(self, number: int) -> Version:
        """Return a live version.

        Raises:
            NotFoundError: there is none, or it was deleted or collected; the message says by whom and why.
            IntegrityError: its record is damaged.
        """
        version = self.look(number)
        if version.state is State.LIVE:
            return version
        gone = (
            "its files are gone" if version.state is State.COLLECTED else f"modelreg restore {version} brings it back"
        )
        raise NotFoundError(f"{version} was deleted{_by(version.deletion)}; {gone}")

    def live(self, on_damage: Callable[[IntegrityError], None] | None = None) -> Iterator[Version]:
        """Yield the live versions, newest first; `on_damage` as in `all`."""
        return (version for version in self.all(on_damage) if version.state is State.LIVE)

    def all(self, on_damage: Callable[[IntegrityError], None] | None = None) -> Iterator[Version]:
        """Yield all versions, newest first.

        on_damage: told of each record that is damaged, which is then passed over; without it, the first one ends the
        listing.
        """
        try:
            self._names, self.collected  # noqa: B018  # what all versions need is told once where it is damaged
        except IntegrityError as error:
            if on_damage is None:
                raise
            on_damage(error)
            return
        for number in reversed(self.numbers):
            try:
                yield self.look(number)
            except IntegrityError as error:
                if on_damage is None:
                    raise
                on_damage(error)

    def live_numbers(self) -> list[int]:
        """Return the numbers of the live versions, newest first, those with a damaged record among them.

        Only where there were collections are version records read for that.
        """
        if self.collected:
            self.fetch()
        return [number for number in reversed(self.numbers) if self._counts(number)]

    def latest(self) -> Version:
        """Return the highest live version.

        Raises:
            NotFoundError: the model has none.
        """
        version = next(self.live(), None)
        if version is not None:
            return version
        if self.numbers:
            raise NotFoundError(f"all versions of {self.name} were deleted; see modelreg list {self.name} --all")
        raise self.no_model()

    def resolve(self, reference: Reference, at: str | None = None) -> Version:
        """Return the live version that a reference to this model names.

        at: what the alias pointed at then (`modelreg.times.until`); `latest` is what had been registered until then.

        Raises:
            UsageError: `at` is no time, or the reference names no alias, and so the same version at any time.
            NotFoundError: there is none; the message says what there is.
        """
        if at is not None:
            if reference.alias is None:
                raise UsageError(
                    f"{reference} is the same version at any time; ask for an alias, as in fraud@production"
                )
            at = until(at)
        if reference.version is not None:
            return self.version(reference.version)
        if reference.digest is not None:
            # Read anew, by its number: only what is read of the store itself is remembered for when it cannot be asked.
            return ModelReader(self.store, self.name).version(self._number_of(reference.digest))
        alias = reference.alias or LATEST
        if alias == LATEST:
            return self.latest() if at is None else self._latest_at(at)
        return self.version(self._target(alias, at))

    def _number_of(self, digest: str) -> int:
        """Return which live version has a digest.

        Raises:
            NotFoundError: none has.
            NotKeptError: none has of those that were seen, and nothing may be asked.
        """
        unknown: NotKeptError | None = None
        for number in reversed(self.fetch().numbers):
            try:
                if self.record(number)[1] == digest and self.look(number).state is State.LIVE:
                    return number
            except NotKeptError as error:
                unknown = unknown or error
        raise unknown or NotFoundError(f"no version of {self.name} has the digest {digest}")

    @remembered
    def aliases(self) -> dict[str, int]:
        """Where each alias points now, by name."""
        pointing = {}
        for alias in sorted(self._moves):
            target = self.target(alias)
            if target is not None:
                pointing[alias] = target
        return pointing

    @remembered
    def _names(self) -> dict[int, tuple[str, ...]]:
        """The aliases that point at each version, by name."""
        names: dict[int, tuple[str, ...]] = {}
        for alias, number in self.aliases.items():
            names[number] = (*names.get(number, ()), alias)
        return names

    def target(self, alias: str) -> int | None:
        """Return the version that an alias points at now, or None."""
        last = self.last_move(alias)
        return self.move(alias, last).version if last else None

    def last_move(self, alias: str) -> int:
        """Return the number of an alias's last move; 0 where there is none."""
        return max(self._moves.get(alias, ()), default=0)

    def moves(self, alias: str) -> list[Move]:
        """Return all moves of an alias, oldest first."""
        return [self.move(alias, number) for number in sorted(self._moves.get(alias, ()))]

    def move(self, alias: str, number: int) -> Move:
        """Return one move of an alias."""
        with self._reading(layout.alias(self.name, alias, number)) as data:
            return Move.from_bytes(data, self.name, alias)

    @property
    def alias_names(self) -> list[str]:
        """The names of all aliases there ever were."""
        return sorted(self._moves)

    def last_fact(self, number: int) -> int:
        """Return the number of the last annotation of a version; 0 where there is none."""
        return max(self._facts.get(f"{number:08d}", ()), default=0)

    def annotations(self, number: int) -> list[Annotation]:
        """Return what was added to a version, oldest first."""
        return [self._annotation(number, fact) for fact in sorted(self._facts.get(f"{number:08d}", ()))]

    def deletions(self, number: int) -> list[Deletion]:
        """Return the deletion records of a version, oldest first."""
        return [self._deletion(number, step) for step in sorted(self._steps.get(f"{number:08d}", ()))]

    def last_step(self, number: int) -> int:
        """Return the number of the last deletion record of a version; 0 where there is none."""
        return max(self._steps.get(f"{number:08d}", ()), default=0)

    def deletion(self, number: int) -> Deletion | None:
        """Return the record that deleted a version, or None where the version is not deleted."""
        for step in sorted(self._steps.get(f"{number:08d}", ()), reverse=True):
            deletion = self._deletion(number, step)
            if deletion.state != RESTORING:
                return deletion if deletion.state == DELETED else None
        return None

    @remembered
    def collected(self) -> frozenset[str]:
        """The upload-ids that some plan names."""
        plans = ahead(self.plan, self.collections, self.store.parallel)
        return frozenset(upload for plan in plans if plan is not None for upload in plan.artifacts)

    @property
    def collections(self) -> list[int]:
        """The numbers of the garbage collections of this model, listed anew."""
        prefix = layout.collections(self.name)
        folders = self.store.folders(prefix) if self._has(prefix) else []
        return sorted(int(folder) for folder in folders if folder.isdecimal())

    def plan(self, collection: int) -> Uploads | None:
        """Return what a collection deletes; None where that is not decided yet."""
        if collection not in self._plans:
            try:
                with reading(self.store, layout.plan(self.name, collection)) as data:
                    self._plans[collection] = Uploads.from_bytes("plan", data, self.name)
            except KeyAbsentError:
                return None
        return self._plans[collection]

    def candidates(self, collection: int) -> tuple[str, ...]:
        """Return what a collection looks at."""
        with reading(self.store, layout.candidates(self.name, collection)) as data:
            return Uploads.from_bytes("candidates", data, self.name).artifacts

    @remembered
    def _moves(self) -> dict[str, list[int]]:
        return self._nested(layout.aliases(self.name))

    @remembered
    def _facts(self) -> dict[str, list[int]]:
        return self._nested(layout.annotations(self.name))

    @remembered
    def _steps(self) -> dict[str, list[int]]:
        return self._nested(layout.deletions(self.name))

    def _has(self, prefix: str) -> bool:
        """Tell whether there may be records of a kind."""
        return self._outline is None or prefix.rstrip("/").rpartition("/")[2] in self._outline

    def _nested(self, prefix: str) -> dict[str, list[int]]:
        """Return the numbers of the `<prefix><folder>/<number>.json`, by folder."""
        found: dict[str, list[int]] = {}
        for folder, number in self._numbered(prefix):
            found.setdefault(folder, []).append(number)
        return found

    def _numbered(self, prefix: str) -> Iterator[tuple[str, int]]:
        """List the numbered records below a prefix, and yield the folder and the number of each."""
        for entry in self.store.entries(prefix) if self._has(prefix) else ():
            folder, _, name = entry.key.removeprefix(prefix).rpartition("/")
            number = layout.number(name)
            if number and "/" not in folder:
                self._listed.append(entry)
                yield folder, number

    def _reading(self, key: str) -> AbstractContextManager[bytes]:
        return reading(self.store, key, self._fetched.get(key))

    def _counts(self, number: int) -> bool:
        try:
            if self.deletion(number) is not None:
                return False
            return not self.collected or self.record(number)[0].artifact.upload not in self.collected
        except IntegrityError:
            return True

    def _annotation(self, number: int, fact: int) -> Annotation:
        with self._reading(layout.annotation(self.name, number, fact)) as data:
            return Annotation.from_bytes(data, self.name, number)

    def _deletion(self, number: int, step: int) -> Deletion:
        if (number, step) not in self._deletions:
            with self._reading(layout.deletion(self.name, number, step)) as data:
                self._deletions[number, step] = Deletion.from_bytes(data, self.name, number)
        return self._deletions[number, step]

    def _target(self, alias: str, at: str | None) -> int:
        if at is None:
            target = self.aliases.get(alias)
        else:
            earlier = [move for move in self.moves(alias) if move.stamp.created <= at]
            target = earlier[-1].version if earlier else None
        if target is not None:
            return target
        if not self.numbers:
            raise self.no_model()
        if at is not None:
            raise NotFoundError(f"{self.name}@{alias} pointed at nothing at {at}; see modelreg history {self.name}")
        raise self.no_alias(alias)

    def _latest_at(self, at: str) -> Version:
        for version in self.fetch().live():
            if version.created <= at:
                return version
        raise NotFoundError(f"no version of {self.name} that is still there was registered until {at}")

    def _no_version(self, number: int) -> NotFoundError:
        if not self.numbers:
            return self.no_model()
        return NotFoundError(f"{self.name} has no version {number}; its highest is {self.numbers[-1]}")

    def no_alias(self, alias: str) -> NotFoundError:
        """Return the error that says which aliases there are."""
        return NotFoundError(f"{self.name} has no alias {alias}; its aliases: {', '.join(self.aliases) or 'none'}")

    def no_model(self) -> NotFoundError:
        """Return the error that says that the model has no version, and so is none."""
        return NotFoundError(f"there is no model {self.name} in {self.store.url}; see modelreg list")


def _by(deletion: Deletion | None) -> str:
    if deletion is None:
        return ""
    why = f": {deletion.why}" if deletion.why else ""
    return f" by {deletion.stamp.created_by} on {deletion.stamp.created[:10]}{why}"


def model_names(store: Store) -> list[str]:
    """Return the names of the models in a store; folders that can be none are passed over."""
    return [name for name in store.folders(layout.MODELS) if is_model_name(name)]
