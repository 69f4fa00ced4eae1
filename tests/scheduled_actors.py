"""Actors that do the real thing to the model fraud, one schedule's worth of them, and what must hold afterwards."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from schedules import ActorsStore, ClockedStore, Schedule

from modelreg import Registry, layout
from modelreg.digest import sha256_of
from modelreg.errors import ConflictError, KeyAbsentError, ModelregError, NotFoundError, StoreError
from modelreg.events import DELETED
from modelreg.registry.alias import move_alias, roll_back_alias
from modelreg.registry.delete import delete, restore
from modelreg.registry.gc import collect
from modelreg.registry.model import ModelReader
from modelreg.registry.register import Submission, register
from modelreg.version import State

PATIENCE = 30
"""How often an actor that needs a version lets others go on until it is there."""

Submissions = Sequence[Submission]


class Registers(NamedTuple):
    """Registers one of the submissions."""

    submission: int
    if_changed: bool = False
    refusals: tuple[type[ModelregError], ...] = (StoreError,)

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> int:
        """Return the version."""
        return register(store, submissions[self.submission], if_changed=self.if_changed).version.number


class Deletes(NamedTuple):
    """Deletes a version, once it is there."""

    version: int
    refusals: tuple[type[ModelregError], ...] = (NotFoundError, ConflictError)

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> None:
        """Do it."""
        _await(store, self.version)
        delete(store, ModelReader(store, "fraud").version(self.version), name)


class Restores(NamedTuple):
    """Restores a version, once it is there."""

    version: int
    refusals: tuple[type[ModelregError], ...] = (NotFoundError, ConflictError)

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> int:
        """Return the version."""
        _await(store, self.version)
        return restore(store, "fraud", self.version, name).number


class Points(NamedTuple):
    """Points an alias at a version, once it is there."""

    version: int
    alias: str = "production"
    refusals: tuple[type[ModelregError], ...] = (NotFoundError, ConflictError)

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> None:
        """Do it."""
        _await(store, self.version)
        move_alias(store, "fraud", self.alias, self.version, name)


class RollsBack(NamedTuple):
    """Rolls an alias back."""

    alias: str = "production"
    refusals: tuple[type[ModelregError], ...] = (NotFoundError, ConflictError)

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> None:
        """Do it."""
        roll_back_alias(store, "fraud", self.alias, name)


class Collects(NamedTuple):
    """Collects garbage."""

    grace: int = 0
    refusals: tuple[type[ModelregError], ...] = ()

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> None:
        """Do it."""
        collect(store, name, apply=True, grace=timedelta(seconds=self.grace))


Actor = Registers | Deletes | Restores | Points | RollsBack | Collects


def _await(store: ActorsStore, version: int) -> None:
    for _ in range(PATIENCE):
        try:
            store.read(layout.version("fraud", version), 100_000)
        except KeyAbsentError:
            store.wait()
        else:
            return


class Promise(NamedTuple):
    """What an actor was told: `done`, `refused`, or, since it stalled, nothing."""

    answer: str
    version: int | None = None


class World:
    """A store, and what was promised about it, by the names of the actors."""

    def __init__(self, submissions: Submissions) -> None:
        self.store = ClockedStore()
        self.promises: dict[str, Promise] = {}
        self.faults: list[str] = []
        self._submissions = submissions

    def run(self, schedule: Schedule, actors: Sequence[Actor]) -> None:
        """Let the actors work, in the order that the schedule decides."""
        first = len(self.promises)
        named = [(f"{type(actor).__name__.lower()}-{first + me}", actor) for me, actor in enumerate(actors)]
        self.promises |= {name: Promise("nothing") for name, _ in named}
        schedule.run([self._part(ActorsStore(self.store, schedule, me), *named[me]) for me in range(len(named))])

    def _part(self, store: ActorsStore, name: str, actor: Actor) -> Callable[[], None]:
        def play() -> None:
            try:
                self.promises[name] = Promise("done", actor.act(store, name, self._submissions))
            except actor.refusals:
                self.promises[name] = Promise("refused")
            except Exception as error:  # noqa: BLE001  # whatever it is, the test has to hear of it
                self.faults.append(f"{name} failed: {error!r}")

        return play

    def find_fault(self) -> str | None:
        """Say what is wrong, if anything is."""
        if self.faults:
            return self.faults[0]
        reader = ModelReader(self.store, "fraud")
        for number in reader.numbers:
            found = self._fault_of_version(reader, number)
            if found is not None:
                return found
        for alias, number in reader.aliases.items():
            mover = reader.moves(alias)[-1].stamp.created_by
            if self.promises[mover].answer != "nothing":
                version = reader.look(number)
                deleter = version.deletion.stamp.created_by if version.deletion else None
                if version.state is State.COLLECTED or (deleter and self.promises[deleter].answer != "nothing"):
                    return f"{alias} points at fraud:{number}, which is {version.state}"
        return None

    def _fault_of_version(self, reader: ModelReader, number: int) -> str | None:
        version = reader.look(number)
        promised = [name for name, promise in self.promises.items() if promise.version == number]
        if version.deletion is None and version.state is State.COLLECTED and promised:
            return f"fraud:{number} was acknowledged to {promised[0]} and not deleted, and it is collected"
        if version.deletion is not None and version.deletion.state == DELETED:
            deleter = version.deletion.stamp.created_by
            if self.promises[deleter].answer == "refused":
                return f"{deleter} was refused, and fraud:{number} is deleted"
        if version.state is not State.COLLECTED:
            for file in Registry(self.store).show(version).tree.files:
                key = f"{layout.artifact('fraud', version.artifact.upload)}{file.path}"
                if sha256_of(self.store.content.get(key, b"")) != file.sha256:
                    return f"fraud:{number} is {version.state}, and {file.path} is gone"
        return None
