"""The protocol of docs/protocol.md as a state machine, small enough that every interleaving can be looked at.

A state is all that the store holds, what was promised, and where each actor stands. A step is one act of one actor,
or of
the clock. Every reachable state is checked, so an actor that stalls for ever, at any step, is covered: it is one that
takes no further step. Versions and uploads have fixed slots, times are small numbers, and most graces are 0.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple, Protocol, TypeVar

DELETED, RESTORING, RESTORED = "deleted", "restoring", "restored"
START, END = "start", "end"
GONE = -1
"""In place of the time when an upload began: a collector has deleted its files."""
NOBODY = -1
"""In place of an actor: it was so when everything began."""

NONE: frozenset[int] = frozenset()

T = TypeVar("T")


class Without(Enum):
    """A part of the protocol that is left out, to see what it is there for."""

    NOTHING = "nothing left out"
    SETTLING = "the settling of what is registered"
    SETTLING_WHEN_FOUND = "the settling of what somebody else registered"
    SETTLING_WHEN_RESTORED = "the settling of what is restored"
    VOIDING = "the voiding"
    HEEDING_THE_VOID = "the heeding of a void"
    SECOND_LOOK = "the second look"
    PENDING_RESTORE = "the pending restore, which keeps"
    EXACT_NUMBER = "the exact number of restored"
    ALIAS_KEEPS = "the alias, which keeps"
    LOOK_AFTER_DELETION = "the look at the alias after a deletion"
    LOOK_AFTER_MOVE = "the look at the deletions after a move"
    LOOK_WHERE_IT_POINTS_ALREADY = "the look at the deletions where the alias is there already"
    LOOK_AFTER_MOVING_BACK = "the look at the deletions after moving back"


class Step(NamedTuple):
    """A deletion record."""

    state: str
    created: int


class Version(NamedTuple):
    """A slot for a version. upload: None until its record is created. steps: its deletion records."""

    upload: int | None = None
    steps: tuple[Step, ...] = ()

    @property
    def last_word(self) -> Step | None:
        for step in reversed(self.steps):
            if step.state != RESTORING:
                return step
        return None

    @property
    def is_deleted(self) -> bool:
        last = self.last_word
        return last is not None and last.state == DELETED

    @property
    def is_pending(self) -> bool:
        return bool(self.steps) and self.steps[-1].state == RESTORING


class Collection(NamedTuple):
    """A collection that was announced. plan: None until it is created."""

    candidates: frozenset[int]
    plan: frozenset[int] | None = None


class Place(NamedTuple):
    """Where an actor stands, and what it remembers: a number, uploads, and the uploads of the versions that it saw."""

    at: str = START
    number: int = 0
    uploads: tuple[int, ...] = ()
    seen: tuple[int | None, ...] = ()


FINISHED = Place(END)


class State(NamedTuple):
    """Everything.

    uploads: when each began; None before, GONE after. moves: of the one alias: where to, and which actor moved it.
    promises: what was acknowledged: a version, by its slot; a deletion, by slot and step; a move, by its number.
    """

    clock: int
    uploads: tuple[int | None, ...]
    versions: tuple[Version, ...]
    collections: tuple[Collection, ...]
    promises: frozenset[tuple[str, int, int]]
    places: tuple[Place, ...]
    moves: tuple[tuple[int | None, int], ...] = ()

    @property
    def planned(self) -> frozenset[int]:
        plans = [plan for _, plan in self.collections if plan]
        return NONE.union(*plans) if plans else NONE

    @property
    def alias(self) -> int | None:
        return self.moves[-1][0] if self.moves else None

    def is_live(self, slot: int) -> bool:
        version = self.versions[slot]
        return version.upload is not None and not version.is_deleted and version.upload not in self.planned

    def to(self, actor: int, place: Place) -> "State":
        clock, uploads, versions, collections, promises, places, moves = self
        return State(clock, uploads, versions, collections, promises, _with(places, actor, place), moves)

    def done(self, actor: int, promise: str = "", number: int = 0, step: int = 0) -> "State":
        done = self.to(actor, FINISHED)
        return done._replace(promises=self.promises | {(promise, number, step)}) if promise else done

    def uploaded(self, upload: int, began: int) -> "State":
        return self._replace(uploads=_with(self.uploads, upload, began))

    def committed(self, slot: int, upload: int) -> "State":
        return self._replace(versions=_with(self.versions, slot, Version(upload)))

    def appended(self, slot: int, step: str) -> "State":
        upload, steps = self.versions[slot]
        return self._replace(versions=_with(self.versions, slot, Version(upload, (*steps, Step(step, self.clock)))))

    def with_plan(self, number: int, plan: Iterable[int]) -> "State":
        candidates = self.collections[number].candidates
        return self._replace(collections=_with(self.collections, number, Collection(candidates, frozenset(plan))))

    def moved(self, actor: int, slot: int | None) -> "State":
        return self._replace(moves=(*self.moves, (slot, actor)))


def _with(items: tuple[T, ...], index: int, item: T) -> tuple[T, ...]:
    return (*items[:index], item, *items[index + 1 :])


class Actor(Protocol):
    """Somebody who works on the store."""

    def steps(self, state: State, me: int, without: Without) -> Iterator[State]:
        """Yield what each step that it can take now leads to."""
        ...


def settled(state: State, upload: int, without: Without) -> State | bool:
    """Take one step of settling: a state with one more collection voided; or else whether the files may stay."""
    if upload in state.planned:
        return False
    for number, (candidates, plan) in enumerate(state.collections):
        if plan is None and upload in candidates and without is not Without.VOIDING:
            return state.with_plan(number, ())
    return True


class Scenario(NamedTuple):
    """Who works on the store, with how many slots, until what time.

    registered: so many versions are there and acknowledged when it begins. alias: where it points then.
    """

    actors: tuple[Actor, ...]
    slots: int = 1
    hours: int = 2
    registered: int = 0
    alias: int | None = None

    def begin(self) -> State:
        """Return the state that all others follow from."""
        missing = self.slots - self.registered
        return State(
            0,
            (0,) * self.registered + (None,) * missing,
            (*(Version(slot) for slot in range(self.registered)), *(Version(),) * missing),
            (),
            frozenset(("version", slot, 0) for slot in range(self.registered)),
            (Place(),) * len(self.actors),
            () if self.alias is None else ((self.alias, NOBODY),),
        )

    def after(self, state: State, without: Without) -> Iterator[State]:
        """Yield what each step that anybody can take leads to."""
        if state.clock < self.hours:
            yield state._replace(clock=state.clock + 1)
        for me, actor in enumerate(self.actors):
            if state.places[me].at != END:
                yield from actor.steps(state, me, without)


def fault(state: State) -> str | None:
    """Say what a state breaks of what the protocol promises."""
    planned = state.planned
    for slot, version in enumerate(state.versions):
        if version.upload is None or version.is_deleted:
            continue
        if version.upload not in planned:
            if state.uploads[version.upload] == GONE:
                return f"readers take version {slot} for live, and its files are gone"
        elif ("version", slot, 0) in state.promises:
            return f"version {slot} was acknowledged and is not deleted, and a plan names its files"
    return _fault_of_alias(state, planned) if state.moves else None


def _fault_of_alias(state: State, planned: frozenset[int]) -> str | None:
    slot, mover = state.moves[-1]
    finished = mover == NOBODY or state.places[mover].at == END or ("move", len(state.moves) - 1, 0) in state.promises
    if slot is None or not finished:
        return None
    if state.versions[slot].upload in planned:
        return f"the alias points at version {slot}, and a plan names its files"
    steps = [step.state for step in state.versions[slot].steps]
    for what, deleted, step in state.promises:
        if (what, deleted) == ("deletion", slot) and RESTORED not in steps[step:]:
            return f"the alias points at version {slot}, whose deletion was acknowledged"
    return None


class Outcome(NamedTuple):
    """How many states were looked at, and the first fault that was found."""

    states: int
    fault: str | None


def explore(scenario: Scenario, without: Without = Without.NOTHING) -> Outcome:
    """Look at every state that can be reached, until one has a fault."""
    begin = scenario.begin()
    seen = {begin}
    ahead = [begin]
    while ahead:
        state = ahead.pop()
        found = fault(state)
        if found is not None:
            return Outcome(len(seen), found)
        for following in scenario.after(state, without):
            if following not in seen:
                seen.add(following)
                ahead.append(following)
    return Outcome(len(seen), None)
