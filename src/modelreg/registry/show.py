"""Joining a version with its files and its environment."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelreg import layout
from modelreg.digest import digest_of
from modelreg.environment.record import Environment
from modelreg.errors import IntegrityError
from modelreg.records import Tree, content_addressed, verified
from modelreg.registry.ledger import reading_content
from modelreg.store import Store
from modelreg.version import Version

if TYPE_CHECKING:
    from modelreg.manifest import Manifest


def show(store: Store, version: Version) -> "Manifest":
    """Return the manifest of a version.

    Raises:
        IntegrityError: the record of its files or of its environment is missing or damaged.
    """
    # Imported here: an environment is read without it.
    from modelreg.manifest import Manifest

    sha256 = version.artifact.digest.removeprefix("sha256:")
    key = layout.tree(version.model, version.artifact.size, sha256)
    with reading_content(store, key) as data:
        tree = Tree.from_bytes(data, sha256)
    if (tree.size, len(tree.files)) != (version.artifact.size, version.artifact.files):
        raise IntegrityError(f"the record {key} in {store.url} is damaged: it is not what {version} says of its files")
    record, environment = read_environment(store, version)
    return Manifest(version, tree, environment, record, _version_record(store, version))


def _version_record(store: Store, version: Version) -> bytes:
    """Return the bytes of a version's record; they are read once more only where another modelreg added fields."""
    data = version.record.to_bytes()
    if digest_of(data) == version.digest:
        return data
    key = layout.version(version.model, version.number)
    with reading_content(store, key) as data:
        return verified(data, version.digest.removeprefix("sha256:"))


def read_environment(store: Store, version: Version) -> tuple[Mapping[str, object], Environment]:
    """Return the environment of a version, as its record and as a value.

    Raises:
        IntegrityError: the record is missing or damaged.
    """
    sha256 = version.environment.digest.removeprefix("sha256:")
    key = layout.environment(version.model, sha256)
    with reading_content(store, key) as data:
        record = content_addressed("environment", data, sha256)
        return record, Environment.from_mapping(record)
