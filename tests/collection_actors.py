"""Who works on the store of collection_model.py: writers, deleters, restorers, collectors."""

from collections.abc import Iterator
from typing import NamedTuple

from collection_model import DELETED, GONE, RESTORED, RESTORING, START, Collection, Place, State, Without, settled


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
    """Finds a live version, whoever registered it, and counts on it: `--if-changed`, or a copy that is there."""

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
            yield from restoring(state, me, self.slot, state.done(me), without)
        elif version.is_deleted and version.upload not in state.planned:
            yield state.to(me, Place("restore", len(version.steps)))


def restoring(state: State, me: int, slot: int, collected: State, without: Without) -> Iterator[State]:
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
