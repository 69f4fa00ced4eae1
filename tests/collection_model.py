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
        return next((step for step in reversed(self.steps) if step.state != RESTORING), None)

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
    """Where an actor stands, and what it remembers: a number, uploads, and the uploads of all versions as it saw them."""

    at: str = START
    number: int = 0
    uploads: tuple[int, ...] = ()
    seen: tuple[int | None, ...] = ()


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
        return frozenset(upload for _, plan in self.collections if plan for upload in plan)

    @property
    def alias(self) -> int | None:
        return self.moves[-1][0] if self.moves else None

    def is_live(self, slot: int) -> bool:
        version = self.versions[slot]
        return version.upload is not None and not version.is_deleted and version.upload not in self.planned

    def to(self, actor: int, place: Place) -> "State":
        return self._replace(places=_with(self.places, actor, place))

    def done(self, actor: int, promise: str = "", number: int = 0, step: int = 0) -> "State":
        promises = self.promises | {(promise, number, step)} if promise else self.promises
        return self._replace(places=_with(self.places, actor, Place(END)), promises=promises)

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


class Writer(NamedTuple):
    """Registers a version: with an upload of its own, or with that of a live one."""

    slot: int

    def steps(self, state: State, me: int, without: Without) -> Iterator[State]:
        place = state.places[me]
        if place.at == START:
            yield state.to(me, Place("upload", state.clock))
            for other in range(len(state.versions)):
                shared = state.versions[other].upload
                if shared is not None and other != self.slot and state.is_live(other):
                    yield state.to(me, Place("commit", shared))
        elif place.at == "upload":
            yield state.uploaded(self.slot, place.number).to(me, Place("commit", self.slot))
        elif place.at == "commit":
            yield state.committed(self.slot, place.number).to(me, Place("settle", place.number))
        elif place.at == "settle":
            yield _promised(state, me, self.slot, place.number, without, Without.SETTLING)


class Finder(NamedTuple):
    """Finds a live version, whoever registered it, and counts on it: `--if-changed`, or a copy that is there already."""

    slot: int

    def steps(self, state: State, me: int, without: Without) -> Iterator[State]:
        place, upload = state.places[me], state.versions[self.slot].upload
        if upload is None:
            return
        if place.at == START and state.is_live(self.slot):
            yield state.to(me, Place("settle"))
        elif place.at == "settle":
            yield _promised(state, me, self.slot, upload, without, Without.SETTLING_WHEN_FOUND)


def _promised(state: State, me: int, slot: int, upload: int, without: Without, left_out: Without) -> State:
    """Settle, then promise the version; where it was collected a new actor would start over."""
    stays = without is left_out or settled(state, upload, without)
    if isinstance(stays, State):
        return stays
    return state.done(me, "version", slot) if stays else state.done(me)


class Deleter(NamedTuple):
    """Deletes a version, without a look at the alias."""

    slot: int

    def steps(self, state: State, me: int, without: Without) -> Iterator[State]:
        version = state.versions[self.slot]
        if version.upload is not None and (not version.is_deleted or version.is_pending):
            yield state.appended(self.slot, DELETED).done(me)


class Restorer(NamedTuple):
    """Restores a deleted version."""

    slot: int

    def steps(self, state: State, me: int, without: Without) -> Iterator[State]:
        version = state.versions[self.slot]
        if state.places[me].at != START:
            yield from _restoring(state, me, self.slot, state.done(me), without)
        elif version.is_deleted and version.upload not in state.planned:
            yield state.to(me, Place("restore", len(version.steps)))


def _restoring(state: State, me: int, slot: int, collected: State, without: Without) -> Iterator[State]:
    """Append `restoring`, settle, and append `restored`, each at exactly the number after the one it knows of.

    Where that number is taken it starts over, as a new actor would. collected: what follows where the files are gone.
    """
    place, version = state.places[me], state.versions[slot]
    is_next = len(version.steps) == place.number
    if place.at == "restore":
        if is_next:
            yield state.appended(slot, RESTORING).to(me, Place("settle", place.number + 1))
        else:
            yield state.done(me)
    elif place.at == "settle" and version.upload is not None:
        stays = without is Without.SETTLING_WHEN_RESTORED or settled(state, version.upload, without)
        if isinstance(stays, State):
            yield stays
        else:
            yield state.to(me, Place("confirm", place.number)) if stays else collected
    elif place.at == "confirm":
        if is_next or without is Without.EXACT_NUMBER:
            yield state.appended(slot, RESTORED).done(me, "version", slot)
        else:
            yield state.done(me)


class CarefulDeleter(NamedTuple):
    """Deletes a version, and restores it if an alias turns out to point at it."""

    slot: int

    def steps(self, state: State, me: int, without: Without) -> Iterator[State]:
        place, version = state.places[me], state.versions[self.slot]
        if place.at == START:
            if state.is_live(self.slot) and state.alias != self.slot:
                yield state.to(me, Place("delete"))
        elif place.at == "delete":
            yield state.appended(self.slot, DELETED).to(me, Place("look", len(version.steps)))
        elif place.at == "look":
            if state.alias != self.slot or without is Without.LOOK_AFTER_DELETION:
                yield state.done(me, "deletion", self.slot, place.number)
            else:
                yield state.to(me, Place("restore", len(version.steps)))
        else:
            # Where the files are gone the alias was moved here too late: whoever moved it will see the deletion.
            collected = state.done(me, "deletion", self.slot, len(version.steps))
            yield from _restoring(state, me, self.slot, collected, without)


class Mover(NamedTuple):
    """Points the alias at a version."""

    slot: int

    def steps(self, state: State, me: int, without: Without) -> Iterator[State]:
        place = state.places[me]
        if place.at == START:
            if state.is_live(self.slot):
                yield state.to(me, Place("list"))
        elif place.at == "list":
            is_there = state.alias == self.slot
            yield state.to(me, Place("already", len(state.moves) - 1) if is_there else Place("move", len(state.moves)))
        elif place.at == "move":
            if len(state.moves) == place.number:
                yield state.moved(me, self.slot).to(me, Place("look", place.number))
            else:
                yield state.done(me)
        elif place.at == "already":
            left_out = without is Without.LOOK_WHERE_IT_POINTS_ALREADY
            stands = left_out or self._stands(state, self.slot, without)
            if isinstance(stands, State):
                yield stands
            else:
                yield state.done(me, "move", place.number) if stands else state.done(me)
        elif place.at == "look":
            stands = without is Without.LOOK_AFTER_MOVE or self._stands(state, self.slot, without)
            if isinstance(stands, State):
                yield stands
            else:
                yield state.done(me, "move", place.number) if stands else state.to(me, Place("back", place.number))
        else:
            yield from self._back(state, me, without)

    def _back(self, state: State, me: int, without: Without) -> Iterator[State]:
        """Move back to where it pointed before; if that was deleted meanwhile, too, to nothing."""
        place = state.places[me]
        before = state.moves[place.number - 1][0] if place.number else None
        if place.at == "look back":
            target = state.moves[place.number][0]
            left_out = target is None or without is Without.LOOK_AFTER_MOVING_BACK
            stands = left_out or self._stands(state, target or 0, without)
            if isinstance(stands, State):
                yield stands
            else:
                yield state.done(me) if stands else state.to(me, Place("remove", place.number))
        elif place.at == "back" and len(state.moves) == place.number + 1:
            yield state.moved(me, before).to(me, Place("look back", place.number + 1))
        elif place.at == "remove" and len(state.moves) == place.number + 1:
            yield state.moved(me, None).done(me)
        else:
            yield state.done(me)  # somebody else has moved it on

    def _stands(self, state: State, slot: int, without: Without) -> State | bool:
        """Look at the deletions, then settle."""
        upload = state.versions[slot].upload
        assert upload is not None
        return state.is_live(slot) and settled(state, upload, without)


class Collector(NamedTuple):
    """Collects what is older than the grace and is not kept.

    piecemeal: it sees the deletions of one version after those of another, as in a listing that takes its time, and
    the alias last.
    """

    grace: int = 0
    piecemeal: bool = False

    def steps(self, state: State, me: int, without: Without) -> Iterator[State]:
        place = state.places[me]
        if place.at == START:
            seen = tuple(version.upload for version in state.versions)
            doomed = tuple(upload for upload in self._old(state) if upload not in self._kept(state, seen, without))
            yield state.to(me, Place("announce", 0, doomed))
        elif place.at == "announce":
            if place.uploads:
                announced = state._replace(collections=(*state.collections, Collection(frozenset(place.uploads))))
                after = "plan" if without is Without.SECOND_LOOK else "list"
                yield announced.to(me, Place(after, len(state.collections), place.uploads))
            else:
                yield state.done(me)
        elif place.at == "list":
            seen = tuple(version.upload for version in state.versions)
            yield state.to(me, Place("look", place.number, place.uploads, seen))
        elif place.at == "look":
            yield self._looked(state, me, without)
        elif place.at == "plan":
            if state.collections[place.number].plan is None or without is Without.HEEDING_THE_VOID:
                yield state.with_plan(place.number, place.uploads).to(me, Place("delete", 0, place.uploads))
            else:
                yield state.done(me)
        elif place.at == "delete":
            if place.uploads:
                yield state.uploaded(place.uploads[0], GONE).to(me, Place("delete", 0, place.uploads[1:]))
            else:
                yield state.done(me)

    def _old(self, state: State) -> Iterator[int]:
        for upload, began in enumerate(state.uploads):
            if began is not None and GONE < began <= state.clock - self.grace:
                yield upload

    def _looked(self, state: State, me: int, without: Without) -> State:
        place = state.places[me]
        if not self.piecemeal:
            kept = self._kept(state, place.seen, without)
            return state.to(me, Place("plan", place.number, _less(place.uploads, kept)))
        if not place.seen:
            aliased = set() if state.alias is None else {state.versions[state.alias].upload}
            kept = set() if without is Without.ALIAS_KEEPS else aliased
            return state.to(me, Place("plan", place.number, _less(place.uploads, kept)))
        *seen, upload = place.seen
        kept = {upload} if self._keeps(state, len(seen), without) else set()
        return state.to(me, Place("look", place.number, _less(place.uploads, kept), tuple(seen)))

    def _kept(self, state: State, seen: tuple[int | None, ...], without: Without) -> set[int | None]:
        kept = {upload for slot, upload in enumerate(seen) if self._keeps(state, slot, without)}
        if state.alias is not None and without is not Without.ALIAS_KEEPS:
            kept.add(state.versions[state.alias].upload)
        return kept

    def _keeps(self, state: State, slot: int, without: Without) -> bool:
        version = state.versions[slot]
        last = version.last_word
        if last is None or last.state != DELETED:
            return True
        if version.is_pending and without is not Without.PENDING_RESTORE:
            return True
        return last.created > state.clock - self.grace


def _less(uploads: tuple[int, ...], kept: set[int | None]) -> tuple[int, ...]:
    return tuple(upload for upload in uploads if upload not in kept)


class Scenario(NamedTuple):
    """Who works on the store, with how many slots, until what time.

    registered: so many versions are there and acknowledged when it begins, and the alias points at the first.
    """

    actors: tuple[Actor, ...]
    slots: int = 1
    hours: int = 2
    registered: int = 0

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
            ((0, NOBODY),) if self.registered else (),
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
