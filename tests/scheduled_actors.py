"""Actors that do the real thing to the model fraud, as a schedule lets them, and what must hold afterwards."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from schedules import Abandoned, ActorsStore, Schedule, SharedStore

from modelreg import Registry, layout
from modelreg.digest import sha256_of
from modelreg.errors import ConflictError, ModelregError, NotFoundError, StoreError
from modelreg.events import Move
from modelreg.records import new_op, seal
from modelreg.registry.alias import move_alias, roll_back_alias
from modelreg.registry.delete import delete, restore
from modelreg.registry.gc import collect
from modelreg.registry.ledger import create_once, stamp
from modelreg.registry.model import ModelReader
from modelreg.registry.register import Submission, register
from modelreg.version import State

ALIAS = "production"
PATIENCE = 20
"""How often an actor that waits for something lets others go on."""

Refusals = tuple[type[ModelregError], ...]
Submissions = Sequence[Submission]


def version(number: int) -> str:
    """The key of a version."""
    return layout.version("fraud", number)


def deletion(number: int, step: int = 1) -> str:
    """The key of a deletion record."""
    return layout.deletion("fraud", number, step)


def move(number: int) -> str:
    """The key of a move of the alias."""
    return layout.alias("fraud", ALIAS, number)


def _await(store: ActorsStore, key: str) -> None:
    for _ in range(PATIENCE):
        if key in store.inner.content:
            break
        store.give_way()


class Promise(NamedTuple):
    """What an actor was told: `done`, `refused`, or, where it stalled, `nothing`.

    version: the one that is there. move: the last move of an alias that points where it should already.
    """

    answer: str
    version: int | None = None
    move: int | None = None


DONE = Promise("done")


class Registers(NamedTuple):
    """Registers one of the submissions."""

    submission: int
    if_changed: bool = False
    after: str = ""
    refusals: Refusals = (StoreError,)

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> Promise:
        registered = register(store, submissions[self.submission], if_changed=self.if_changed)
        return Promise("done", version=registered.version.number)


class Deletes(NamedTuple):
    """Deletes a version."""

    version: int
    after: str = ""
    refusals: Refusals = (NotFoundError, ConflictError)

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> Promise:
        delete(store, ModelReader(store, "fraud").version(self.version), name)
        return DONE


class Restores(NamedTuple):
    """Restores a version."""

    version: int
    after: str = ""
    refusals: Refusals = (NotFoundError, ConflictError)

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> Promise:
        return Promise("done", version=restore(store, "fraud", self.version, name).number)


class Points(NamedTuple):
    """Points the alias at a version."""

    version: int
    after: str = ""
    refusals: Refusals = (NotFoundError, ConflictError)

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> Promise:
        if move_alias(store, "fraud", ALIAS, self.version, name).moved:
            return DONE
        return Promise("done", move=ModelReader(store.inner, "fraud").last_move(ALIAS))


class PointsAndDies(NamedTuple):
    """Points the alias at a version that it has seen live, once it is deleted, and is killed before it looks again."""

    version: int
    after: str = ""
    refusals: Refusals = (NotFoundError,)

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> Promise:
        reader = ModelReader(store, "fraud")
        reader.version(self.version)
        _await(store, deletion(self.version))
        data = Move(stamp(store, name), self.version).to_bytes("fraud", ALIAS)
        create_once(store, move(reader.last_move(ALIAS) + 1), data)
        raise Abandoned


class RollsBack(NamedTuple):
    """Rolls the alias back."""

    after: str = ""
    refusals: Refusals = (NotFoundError, ConflictError)

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> Promise:
        roll_back_alias(store, "fraud", ALIAS, name)
        return DONE


class Collects(NamedTuple):
    """Collects garbage. grace: seconds."""

    grace: int = 0
    after: str = ""
    refusals: Refusals = ()

    def act(self, store: ActorsStore, name: str, submissions: Submissions) -> Promise:
        collect(store, name, apply=True, grace=timedelta(seconds=self.grace))
        return DONE


Actor = Registers | Deletes | Restores | Points | PointsAndDies | RollsBack | Collects
"""after: the actor begins when there is such a key, or when it has run out of patience. refusals: what it may hear."""


class World:
    """A store with a registry, and what was promised about it, by the names of the actors."""

    def __init__(self, submissions: Submissions) -> None:
        self.store = SharedStore()
        self.store.create(layout.MARKER, seal("registry", new_op(), "2026-01-02T03:04:05Z", "anna", {}))
        self.promises: dict[str, Promise] = {}
        self._submissions = submissions
        self._failures: list[str] = []

    def run(self, schedule: Schedule, actors: Sequence[Actor]) -> None:
        """Let the actors work together."""
        first = len(self.promises)
        named = {f"{type(actor).__name__}-{first + me}": actor for me, actor in enumerate(actors)}
        self.promises |= dict.fromkeys(named, Promise("nothing"))
        stores = (ActorsStore(self.store, schedule, me) for me in range(len(actors)))
        schedule.run([self._part(store, *part) for store, part in zip(stores, named.items(), strict=True)])

    def _part(self, store: ActorsStore, name: str, actor: Actor) -> Callable[[], None]:
        def play() -> None:
            if actor.after:
                _await(store, actor.after)
            try:
                self.promises[name] = actor.act(store, name, self._submissions)
            except actor.refusals:
                self.promises[name] = Promise("refused")
            except Exception as error:  # noqa: BLE001  # whatever it is, the test has to hear of it
                self._failures.append(f"{name} failed: {error!r}")

        return play

    def find_fault(self) -> str | None:
        """Say what is broken of what was promised, if anything is."""
        reader = ModelReader(self.store, "fraud")
        faults = [*self._failures, *(self._fault_of_version(reader, number) for number in reader.numbers)]
        faults += [self._fault_of_alias(reader, number) for number in reader.aliases.values()]
        return next((fault for fault in faults if fault), None)

    def _fault_of_version(self, reader: ModelReader, number: int) -> str | None:
        version = reader.look(number)
        told = [name for name, promise in self.promises.items() if promise.version == number]
        if version.state is State.COLLECTED:
            if told and version.deletion is None:
                return f"{told[0]} was told that {version} is there, nobody deleted it, and it is collected"
            return None
        if version.deletion is not None and self._answer(version.deletion.stamp.created_by) == "refused":
            return f"{version.deletion.stamp.created_by} was refused, and {version} is deleted"
        for file in Registry(self.store).show(version).tree.files:
            key = f"{layout.artifact('fraud', version.artifact.upload)}{file.path}"
            if sha256_of(self.store.content.get(key, b"")) != file.sha256:
                return f"{version} is {version.state}, and its {file.path} is gone"
        return None

    def _fault_of_alias(self, reader: ModelReader, number: int) -> str | None:
        """An alias may point at what is deleted only while the deleter, or whoever has put it there, is at it."""
        version, last = reader.look(number), reader.last_move(ALIAS)
        is_promised = any(promise.move == last for promise in self.promises.values())
        if self._answer(reader.move(ALIAS, last).stamp.created_by) == "nothing" and not is_promised:
            return None
        deleter = version.deletion.stamp.created_by if version.deletion else None
        if version.state is State.COLLECTED or (deleter and self._answer(deleter) != "nothing"):
            return f"{ALIAS} points at {version}, which is {version.state}"
        return None

    def _answer(self, name: str) -> str:
        return self.promises[name].answer
