"""Reading versions as they lie in a registry, every byte of them, without writing anything."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from modelreg import layout
from modelreg.digest import pour
from modelreg.errors import IntegrityError, KeyAbsentError
from modelreg.parallel import ahead
from modelreg.progress import Meter, ProgressCallback
from modelreg.records import File, Tree
from modelreg.registry.download import bounded, wrong_with
from modelreg.registry.model import ModelReader, model_names
from modelreg.registry.show import show
from modelreg.registry.transfer import by_size
from modelreg.store import Store
from modelreg.version import State, Version


class Damage(NamedTuple):
    """What is wrong. what: the version, or the model whose records cannot all be read."""

    what: str
    fault: str


class Audit(NamedTuple):
    """What was read. versions: how many; files, size: how many those have, and how large, each upload counted once."""

    versions: int
    files: int
    size: int
    damage: tuple[Damage, ...]


def audit(store: Store, versions: Iterable[Version] | None = None, progress: ProgressCallback | None = None) -> Audit:
    """Read the records and all files of versions, of all when not given, and compare them with what was registered."""
    damage: list[Damage] = []
    holders: dict[tuple[str, str], list[Version]] = {}  # by upload, which versions may share
    trees: dict[tuple[str, str], Tree] = {}
    count = 0
    for version in _kept(store, damage) if versions is None else versions:
        count += 1
        upload = (version.model, version.artifact.upload)
        try:
            trees[upload] = show(store, version).tree
        except IntegrityError as error:
            damage.append(Damage(version.reference, str(error)))
        else:
            holders.setdefault(upload, []).append(version)
    size = sum(tree.size for tree in trees.values())
    meter = Meter("check", size, progress)
    for upload, tree in trees.items():
        for fault in _faults(store, layout.artifact(*upload), tree.files, meter):
            damage += [Damage(version.reference, fault) for version in holders[upload]]
    return Audit(count, sum(len(tree.files) for tree in trees.values()), size, tuple(damage))


def _kept(store: Store, damage: list[Damage]) -> Iterator[Version]:
    """Yield all versions whose files are kept, deleted ones that can be restored among them; note damaged records."""
    for name in model_names(store):
        found: list[IntegrityError] = []
        for version in ModelReader(store, name).fetch().all(found.append):
            if version.state is not State.COLLECTED:
                yield version
        damage += [Damage(name, str(error)) for error in found]


def _faults(store: Store, prefix: str, files: Sequence[File], meter: Meter) -> Iterator[str]:
    def look(file: File) -> str | None:
        try:
            poured = pour(bounded(store.stream(f"{prefix}{file.path}"), file.size), None, meter.add)
        except KeyAbsentError:
            return f"{file.path} is missing"
        wrong = wrong_with(poured, file)
        return f"{file.path} {wrong}" if wrong else None

    small, large = by_size(files)
    for fault in chain(ahead(look, small, store.parallel), map(look, large)):
        if fault is not None:
            yield fault
