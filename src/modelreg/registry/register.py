"""Registering: the protocol's writing half (docs/protocol.md)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
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
    """

    version: Version
    created: bool
    uploaded: bool
    losses: tuple[str, ...] = ()


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
    present = find_holder(model, tree, wanted) if tree else None
    if present is not None and present.environment.digest == wanted:
        # Whoever registered it may not have come to settling it.
        if not settle(model, present.artifact.upload, draft.created_by):
            return Registered(present, created=False, uploaded=False, losses=submission.files.losses)
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
            return Registered(version, created=True, uploaded=not reused, losses=submission.files.losses)
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


def find_holder(model: ModelReader, tree: Tree, environment: str | None) -> Version | None:
    """Return the newest live version with this tree whose files are there, preferring one with this environment."""
    sha256 = sha256_of(tree.to_bytes())
    if not any(model.store.entries(layout.tree(model.name, tree.size, sha256))):
        return None  # no version has it; to find that out by reading them takes longer the more there are
    digest = f"sha256:{sha256}"
    found = None
    for version in model.live(on_damage=_pass_over):
        if version.artifact.digest == digest:
            if environment in (None, version.environment.digest):
                found = version
                break
            found = found or version
    return found if found and _is_whole(model.store, found, tree) else None


def _pass_over(_: IntegrityError) -> None:
    """A damaged record of another version is no reason to refuse this one."""


def _is_whole(store: Store, version: Version, tree: Tree) -> bool:
    """Tell whether all files of an artifact are there, at their full size."""
    prefix = layout.artifact(version.model, version.artifact.upload)
    sizes = {entry.key.removeprefix(prefix): entry.size for entry in store.entries(prefix)}
    return all(sizes.get(file.path) == file.size for file in tree.files)


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
