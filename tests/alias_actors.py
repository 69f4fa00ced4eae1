"""Who works on the one alias of collection_model.py."""

from collections.abc import Iterator
from typing import NamedTuple

from collection_actors import restoring
from collection_model import DELETED, START, Place, State, Without, settled


class CarefulDeleter(NamedTuple):
    """Deletes a version, and restores it if the alias turns out to point at it."""

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
            yield from restoring(state, me, self.slot, collected, without)


class Mover(NamedTuple):
    """Points the alias at a version, and back if that was deleted meanwhile."""

    slot: int

    def steps(self, state: State, me: int, without: Without) -> Iterator[State]:
        place = state.places[me]
        if place.at == START:
            if state.is_live(self.slot):
                yield state.to(me, Place("list"))
        elif place.at == "list":
            is_there = state.alias == self.slot
            yield state.to(me, Place("stay", len(state.moves) - 1) if is_there else Place("move", len(state.moves)))
        elif place.at == "move":
            is_next = len(state.moves) == place.number
            yield state.moved(me, self.slot).to(me, Place("look", place.number)) if is_next else state.done(me)
        elif place.at in ("stay", "look"):
            left_out = Without.LOOK_AFTER_MOVE if place.at == "look" else Without.LOOK_WHERE_IT_POINTS_ALREADY
            stands = without is left_out or _stands(state, self.slot, without)
            if isinstance(stands, State):
                yield stands
            elif stands:
                yield state.done(me, "move", place.number)
            else:
                yield state.to(me, Place("back", place.number)) if place.at == "look" else state.done(me)
        else:
            yield from _moving_back(state, me, without)


def _moving_back(state: State, me: int, without: Without) -> Iterator[State]:
    """Move back to where the alias pointed before, or, if that was deleted meanwhile, too, to nothing."""
    place = state.places[me]
    if place.at == "look back":
        target = state.moves[place.number][0]
        left_out = target is None or without is Without.LOOK_AFTER_MOVING_BACK
        stands = left_out or _stands(state, target or 0, without)
        if isinstance(stands, State):
            yield stands
        else:
            yield state.done(me) if stands else state.to(me, Place("remove", place.number))
    elif len(state.moves) != place.number + 1:
        yield state.done(me)  # somebody else has moved it on
    elif place.at == "back":
        before = state.moves[place.number - 1][0] if place.number else None
        yield state.moved(me, before).to(me, Place("look back", place.number + 1))
    else:
        yield state.moved(me, None).done(me)


def _stands(state: State, slot: int, without: Without) -> State | bool:
    """Look at the deletions, then settle; a state where that has voided a collection."""
    upload = state.versions[slot].upload
    return upload is not None and state.is_live(slot) and settled(state, upload, without)
