"""Registering: the protocol's writing half (docs/protocol.md)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from modelreg import layout
from modelreg.canonical import decode
from modelreg.digest import Poured, digest_of, pour, sha256_of
from modelreg.environment.expected import Expected
from modelreg.environment.record import Environment
from modelreg.errors import ConflictError, IntegrityError, ModelregError, StoreError
from modelreg.files import SourceFile, SourceTree, pieces
from modelreg.parallel import ahead
from modelreg.progress import Meter, ProgressCallback
from modelreg.records import (
    File,
    Tree,
    VersionRecord,
    new_op,
)
from modelreg.registry.ledger import create_content, create_once, mark
from modelreg.registry.model import ModelReader
from modelreg.registry.settle import settle
from modelreg.registry.transfer import Going, by_size, is_worth_keeping, upload_id
from modelreg.store import Store
from modelreg.times import timestamp
from modelreg.version import Version

_ATTEMPTS = 5


class Submission(NamedTuple):
    """A version to be registered: where its files are, its environment, and the draft of its record.

    draft: the record as it is going to be, but for the number, `op`, the time and where the files lie: those are filled
    in when they are known.
    """

    files: SourceTree
    environment_record: bytes
    draft: VersionRecord

    @property
    def expected(self) -> Expected:
        """What an environment for the model is to hold."""
        environment = Environment.from_mapping(decode(self.environment_record))
        return Expected(environment, self.draft.imports, self.draft.groups, self.draft.roles)


class Carrier(NamedTuple):
    """Brings files that are not on this machine. tree: what they are.

    bring: takes a file's path and the key where it is to lie, tells the callback how many bytes are through, and says
    what is there then.
    """

    tree: Tree
    bring: Callable[[str, str, Callable[[int], None]], Poured]


class Registered(NamedTuple):
    """A registration that was acknowledged.

    created: False where `if_changed` found an equal version. uploaded: False where the bytes were there already.
    losses: what the registry does not keep of a folder, such as file modes.
    damaged: what is wrong with the files of other versions that hold the same bytes, by reference. They were not used.
    """

    version: Version
    created: bool
    uploaded: bool
    losses: tuple[str, ...] = ()
    damaged: Mapping[str, str] = {}


class Holder(NamedTuple):
    """A live version that holds a tree. damaged: what is wrong with the files of others that should hold it."""

    version: Version | None
    damaged: Mapping[str, str] = {}


def register(
    store: Store,
    submission: Submission,
    *,
    if_changed: bool = False,
    carrier: Carrier | None = None,
    progress: ProgressCallback | None = None,
) -> Registered:
    """Register a version.

    if_changed: return the newest live version that holds the same bytes and the same environment, if there is one.
    carrier: brings the files, in place of reading them from this machine.

    Raises:
        ConflictError: a file changed while it was read.
        StoreError: the version could not be written, or its files were collected again and again.
    """
    draft, now = submission.draft, store.clock()
    mark(store, timestamp(now), draft.created_by)
    tree = carrier.tree if carrier else _known_tree(store, submission, progress)
    model = ModelReader(store, draft.model)
    model.collected  # noqa: B018  # a damaged plan must be found before anything is written
    wanted = draft.environment.digest if if_changed else None
    sources = {} if carrier else {file.path: file.location for file in submission.files.files}
    present, damaged = find_holder(model, tree, wanted, sources) if tree else Holder(None)
    losses = submission.files.losses
    if present is not None and present.environment.digest == wanted:
        # Whoever registered it may not have come to settling it.
        if not settle(model, present.artifact.upload, draft.created_by):
            return Registered(present, created=False, uploaded=False, losses=losses, damaged=damaged)
        present = None
    reused = present.artifact.upload if present else None
    for _ in range(_ATTEMPTS):
        op = new_op()
        with ExitStack() as noted:  # until the version is recorded
            if reused and tree:
                upload = reused
            else:
                fresh = partial(layout.upload_id, now, op)
                new = nullcontext(Going(fresh())) if carrier else upload_id(store, model.name, submission.files, fresh)
                going = noted.enter_context(new)
                upload = going.upload
                with _removed_on_failure(store, layout.artifact(draft.model, upload), keep=going.kept):
                    tree = _upload(store, submission, going, tree, carrier, progress)
            version = _commit(store, submission, tree, upload, op, timestamp(now))
        if not settle(model, upload, draft.created_by):
            return Registered(version, created=True, uploaded=not reused, losses=losses, damaged=damaged)
        reused, now = None, store.clock()
    raise StoreError(
        f"the files of {draft.model} were collected {_ATTEMPTS} times while they were registered; try again"
    )


def _known_tree(store: Store, submission: Submission, progress: ProgressCallback | None) -> Tree | None:
    """Hash the files, but only where the model has an artifact of the same size; else the upload hashes them."""
    size = submission.files.size
    recorded = {entry.key for entry in store.entries(layout.trees(submission.draft.model, size))}
    if not recorded:
        return None
    meter = Meter("hash", size, progress)
    return Tree(
        tuple(File(file.path, *pour(pieces(file.location), None, meter.add)) for file in submission.files.files)
    )


def find_holder(model: ModelReader, tree: Tree, environment: str | None, sources: Mapping[str, Path]) -> Holder:
    """Return the newest live version with this tree whose files are sound, preferring one with this environment.

    sources: the same files on this machine, by path, as far as they are here.
    """
    sha256 = sha256_of(tree.to_bytes())
    if not any(model.store.entries(layout.tree(model.name, tree.size, sha256))):
        return Holder(None)  # no version has it; to find that out by reading them takes longer the more there are
    found: Version | None = None
    faults: dict[str, str | None] = {}  # most versions with the same bytes share one upload
    damaged: dict[str, str] = {}
    for version in model.live(on_damage=_pass_over):
        if version.artifact.digest != f"sha256:{sha256}":
            continue
        upload, is_wanted = version.artifact.upload, environment in (None, version.environment.digest)
        if found is not None and not is_wanted:
            continue
        if upload not in faults:
            faults[upload] = fault_of(model.store, version, tree, sources)
        fault = faults[upload]
        if fault is not None:
            damaged[version.reference] = fault
        elif is_wanted:
            return Holder(version, damaged)
        else:
            found = version
    return Holder(found, damaged)


def _pass_over(_: IntegrityError) -> None:
    """A damaged record of another version is no reason to refuse this one."""


def fault_of(store: Store, version: Version, tree: Tree, sources: Mapping[str, Path]) -> str | None:
    """Say what is wrong with an artifact's files, as far as that can be told without fetching them."""
    prefix = layout.artifact(version.model, version.artifact.upload)
    sizes = {entry.key.removeprefix(prefix): entry.size for entry in store.entries(prefix)}
    for file in tree.files:
        if file.path not in sizes:
            return f"{file.path} is missing"
        if sizes[file.path] != file.size:
            return f"{file.path} has another size"

    def matches(file: File) -> bool:
        return store.matches(f"{prefix}{file.path}", Poured(file.size, file.sha256), sources.get(file.path))

    for file, sound in zip(tree.files, ahead(matches, tree.files, store.parallel), strict=True):
        if not sound:
            return f"{file.path} has other bytes"
    return None


@contextmanager
def _removed_on_failure(store: Store, prefix: str, *, keep: bool) -> Iterator[None]:
    """Remove what was uploaded where it comes to nothing: no record names it yet, and the disk may be full.

    keep: but not where the same command can go on from there.
    """
    try:
        yield
    except BaseException as error:
        if keep and is_worth_keeping(error):
            raise
        with suppress(ModelregError):
            for entry in list(store.entries(prefix)):
                store.delete(entry.key)
        raise


def _upload(
    store: Store,
    submission: Submission,
    going: Going,
    known: Tree | None,
    carrier: Carrier | None,
    progress: ProgressCallback | None,
) -> Tree:
    prefix = layout.artifact(submission.draft.model, going.upload)
    meter = Meter("upload", submission.files.size, progress)

    def send(file: SourceFile) -> File:
        key = f"{prefix}{file.path}"
        if carrier is not None:
            return File(file.path, *carrier.bring(file.path, key, meter.add))
        poured = store.upload(key, file.location, meter.add, resume=going.resumes(file))
        if poured.size != file.size:
            raise ConflictError(
                f"{file.location} changed while it was registered; register it again when it is finished"
            )
        return File(file.path, *poured)

    small, large = by_size(submission.files.files)
    files = [*ahead(send, small, store.parallel), *map(send, large)]
    tree = Tree(tuple(sorted(files, key=lambda file: file.path)))
    if known is not None and tree != known:
        raise ConflictError("a file changed while it was registered; register again when all are finished")
    data = tree.to_bytes()
    create_content(store, layout.tree(submission.draft.model, tree.size, sha256_of(data)), data)
    return tree


def _commit(store: Store, submission: Submission, tree: Tree, upload: str, op: str, created: str) -> Version:
    """Create the environment record, then the version record under the first free number."""
    draft, model = submission.draft, submission.draft.model
    key = layout.environment(model, draft.environment.digest.removeprefix("sha256:"))
    create_content(store, key, submission.environment_record)
    artifact = draft.artifact._replace(
        upload=upload, digest=digest_of(tree.to_bytes()), size=tree.size, files=len(tree.files)
    )
    number = max(ModelReader(store, model).numbers, default=0) + 1
    while True:
        record = draft._replace(version=number, op=op, created=created, artifact=artifact)
        data = record.to_bytes()
        if create_once(store, layout.version(model, number), data):
            return Version(record, digest_of(data))
        number += 1
