"""A model as its records stand: which versions there are, which are live, where the aliases point."""

from collections.abc import Callable, Iterator
from functools import cached_property

from modelreg import layout
from modelreg.digest import sha256_of
from modelreg.errors import IntegrityError, KeyAbsentError, NotFoundError
from modelreg.records import Alias, Deletion, Uploads, VersionRecord
from modelreg.reference import LATEST, Reference
from modelreg.registry.ledger import reading
from modelreg.store import Store
from modelreg.version import Version


class ModelReader:
    """Reads one model of a store.

    The numbers of its versions are listed when it is made. Records are read when they are asked for, and then
    remembered: they never change.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name
        self.numbers = _numbers(store, layout.versions(name))
        """The numbers of all versions ever registered, ascending."""
        self._records: dict[int, tuple[VersionRecord, str]] = {}

    def record(self, number: int) -> tuple[VersionRecord, str]:
        """Return a version's record and its digest.

        Raises:
            NotFoundError: there is no such version.
            IntegrityError: the record is damaged.
        """
        if number not in self._records:
            try:
                with reading(self.store, layout.version(self.name, number)) as data:
                    record = VersionRecord.from_bytes(data, self.name, number)
            except KeyAbsentError:
                raise self._no_version(number) from None
            self._records[number] = record, f"sha256:{sha256_of(data)}"
        return self._records[number]

    def version(self, number: int) -> Version:
        """Return a live version.

        Raises:
            NotFoundError: there is none, or it was deleted or collected; the message says which.
            IntegrityError: its record is damaged.
        """
        record, digest = self.record(number)
        deletion = self.deletion(number)
        if record.artifact.upload in self.collected:
            raise NotFoundError(f"{self.name}:{number} was deleted for good; its files are gone")
        if deletion is not None:
            why = f": {deletion.why}" if deletion.why else ""
            raise NotFoundError(
                f"{self.name}:{number} was deleted by {deletion.created_by} on {deletion.created[:10]}{why}"
            )
        return Version(record, digest, self._names_of(number))

    def live(self, on_damage: Callable[[IntegrityError], None] | None = None) -> Iterator[Version]:
        """Yield the live versions, newest first.

        on_damage: told of each record that is damaged, which is then passed over; without it, the first one ends the
        listing.
        """
        for number in reversed(self.numbers):
            try:
                yield self.version(number)
            except NotFoundError:
                continue
            except IntegrityError as error:
                if on_damage is None:
                    raise
                on_damage(error)

    def count(self) -> int:
        """Return how many versions are live; damaged records count."""
        if self.collected:
            return sum(1 for _ in self.live(on_damage=lambda _: None))
        return sum(1 for number in self.numbers if self.deletion(number) is None)

    def latest(self) -> Version:
        """Return the highest live version.

        Raises:
            NotFoundError: the model has none.
        """
        version = next(self.live(), None)
        if version is None:
            raise NotFoundError(f"there is no model {self.name} in {self.store.url}; see modelreg list")
        return version

    def resolve(self, reference: Reference) -> Version:
        """Return the live version that a reference to this model names.

        Raises:
            NotFoundError: there is none; the message says what there is.
        """
        if reference.version is not None:
            return self.version(reference.version)
        if reference.digest is not None:
            for version in self.live():
                if version.digest == reference.digest:
                    return version
            raise NotFoundError(f"no version of {self.name} has the digest {reference.digest}")
        if reference.alias == LATEST:
            return self.latest()
        if reference.alias not in self.aliases:
            self.latest()
            known = ", ".join(self.aliases) or "none"
            raise NotFoundError(f"{self.name} has no alias {reference.alias}; its aliases: {known}")
        return self.version(self.aliases[reference.alias])

    @cached_property
    def aliases(self) -> dict[str, int]:
        """Where each alias points, by name."""
        moves: dict[str, int] = {}
        for alias, number in _nested(self.store, layout.aliases(self.name)):
            moves[alias] = max(number, moves.get(alias, 0))
        pointing = {}
        for alias, number in moves.items():
            with reading(self.store, layout.alias(self.name, alias, number)) as data:
                target = Alias.from_bytes(data, self.name, alias).version
            if target is not None:
                pointing[alias] = target
        return pointing

    def deletion(self, number: int) -> Deletion | None:
        """Return the record that deleted a version, or None where the version is not deleted."""
        for step in sorted(self._deletion_steps.get(number, ()), reverse=True):
            with reading(self.store, layout.deletion(self.name, number, step)) as data:
                deletion = Deletion.from_bytes(data, self.name, number)
            if deletion.state != "restoring":
                return deletion if deletion.state == "deleted" else None
        return None

    @cached_property
    def collected(self) -> frozenset[str]:
        """The upload-ids that some plan names."""
        return frozenset(upload for number in self.collections for upload in self.planned(number) or ())

    @property
    def collections(self) -> list[int]:
        """The numbers of the garbage collections of this model, listed anew."""
        prefix = layout.collections(self.name)
        return sorted(int(folder) for folder in self.store.folders(prefix) if folder.isdecimal())

    def planned(self, collection: int) -> tuple[str, ...] | None:
        """Return what a collection's plan names; None where it has no plan yet."""
        try:
            with reading(self.store, layout.plan(self.name, collection)) as data:
                return Uploads.from_bytes("plan", data, self.name).artifacts
        except KeyAbsentError:
            return None

    def candidates(self, collection: int) -> tuple[str, ...]:
        """Return what a collection looks at."""
        with reading(self.store, layout.candidates(self.name, collection)) as data:
            return Uploads.from_bytes("candidates", data, self.name).artifacts

    def _names_of(self, number: int) -> tuple[str, ...]:
        return tuple(sorted(alias for alias, target in self.aliases.items() if target == number))

    @cached_property
    def _deletion_steps(self) -> dict[int, list[int]]:
        steps: dict[int, list[int]] = {}
        for folder, step in _nested(self.store, layout.deletions(self.name)):
            if folder.isdecimal():
                steps.setdefault(int(folder), []).append(step)
        return steps

    def _no_version(self, number: int) -> NotFoundError:
        if not self.numbers:
            return NotFoundError(f"there is no model {self.name} in {self.store.url}; see modelreg list")
        return NotFoundError(f"{self.name} has no version {number}; its highest is {self.numbers[-1]}")


def _numbers(store: Store, prefix: str) -> list[int]:
    numbers = (layout.number(entry.key.removeprefix(prefix)) for entry in store.entries(prefix))
    return sorted(number for number in numbers if number)


def _nested(store: Store, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield folder and number of each `<prefix><folder>/<number>.json`."""
    for entry in store.entries(prefix):
        folder, _, name = entry.key.removeprefix(prefix).partition("/")
        number = layout.number(name)
        if number:
            yield folder, number
