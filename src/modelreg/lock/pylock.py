"""Reading a pylock.toml (PEP 751), as `pip lock`, `uv export` and `uv pip compile` write it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from modelreg.environment.record import Environment, Origin, Package, is_commit, normalized
from modelreg.errors import EnvironmentUnreadableError
from modelreg.fields import Fields
from modelreg.lock.address import archive, named, project_of, vcs_origin, version_of_files
from modelreg.lock.conditions import Conditions
from modelreg.lock.locked import Lock, Locked, Loose, Where, files_of, name_and_version, place_of, settled

_SOURCES = ("vcs", "directory", "archive")


def read_pylock(
    document: Mapping[str, object], lines: list[Where], environment: Environment, group: str | None
) -> Lock:
    """Read the document of a pylock.toml for the Python and platform of an environment.

    lines: where each package stands. group: the dependency group, or else the extra, that is chosen, where it has one
    of that name; its default groups are where no group is, as an extra is none.

    Raises:
        EnvironmentUnreadableError: it was written by a later standard. IntegrityError: a field is damaged.
    """
    fields = Fields(document)
    version = fields.text("lock-version")
    if version.partition(".")[0] != "1":
        raise EnvironmentUnreadableError(
            f"it is of lock-version {version}, and 1.0 is what is read; update modelreg, or make it with an older tool"
        )
    chosen, extras, groups = _chosen(fields, group)
    conditions = Conditions(environment, extras, groups)
    found = [
        one
        for package, where in zip(fields.optional_children("packages"), lines, strict=True)
        if (one := _package(package, where, conditions)) is not None
    ]
    foreign = conditions.foreign(fields.texts("environments"))
    python = fields.optional_text("requires-python")
    return Lock("pylock.toml", "", *settled(_once(found)), python=python, foreign=foreign, group=chosen)


def _chosen(fields: Fields, group: str | None) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """Return what is chosen, as a person would name it, the extras and the groups."""
    groups, extras = (tuple(map(normalized, fields.texts(name))) for name in ("dependency-groups", "extras"))
    asked, default = None if group is None else normalized(group), fields.texts("default-groups")
    if asked is not None and asked in groups:
        return group, (), (asked,)
    if asked is not None and asked in extras:
        return group, (asked,), default
    return ", ".join(default) or None, (), default


def _package(fields: Fields, where: Where, conditions: Conditions) -> Locked | Loose | None:
    name, version = name_and_version(fields)
    holds = conditions.hold(fields.optional_text("marker"))
    if holds is None:
        return Loose(name, "its condition cannot be judged for another machine", where)
    if not holds:
        return None
    python = fields.optional_text("requires-python")
    if conditions.admits(python) is not True:
        return Loose(name, f"the lock has it for Python {python} alone", where)
    return _locked(fields, where, name, version)


def _locked(fields: Fields, where: Where, name: str, version: str) -> Locked | Loose:
    origin, found, loose = _origin(fields)
    if loose:
        return Loose(name, loose, where)
    files = files_of(fields)
    if origin is None and not files:
        return Loose(name, "the lock names no file of it", where)
    folder = _folder(fields, where)
    found = found if folder is None else project_of(folder)[1]
    told, contradiction = version_of_files(version, map(place_of, fields.optional_children("wheels")))
    if contradiction:
        return Loose(name, contradiction, where)
    versions = told or found or next(filter(None, map(_version_of, files)), "")
    is_editable = origin is not None and origin.kind == "editable"
    return Locked(
        Package(name, versions, origin=origin), where, _hashes(fields, files), folder if is_editable else None
    )


def _folder(fields: Fields, where: Where) -> Path | None:
    """Return the folder that a package is installed from; a path is relative to the lock's own."""
    if "directory" not in fields.mapping:
        return None
    return Path(where[0]).parent / fields.child("directory").text("path")


def _origin(fields: Fields) -> tuple[Origin | None, str, str | None]:
    """Return the origin, the version that it tells, and why it is not exact."""
    source = next((name for name in _SOURCES if name in fields.mapping), None)
    if source is None:
        return None, "", None
    table = fields.child(source)
    place = table.optional_text("url") or table.optional_text("path") or ""
    subdirectory = table.optional_text("subdirectory")
    if source == "directory":
        return Origin("editable" if table.optional_flag("editable") else "directory"), "", None
    if source == "vcs":
        commit, requested = table.text("commit-id"), table.optional_text("requested-revision")
        loose = None if is_commit(commit) else f"it names {commit!r}, which is no commit"
        return vcs_origin(table.text("type"), place, commit, requested, subdirectory), "", loose
    sha256 = table.child("hashes").optional_text("sha256") if "hashes" in table.mapping else None
    address = archive(place, sha256, subdirectory)
    return address.origin, address.version, None


def _version_of(file: Fields) -> str:
    return named(place_of(file).partition("#")[0].rpartition("/")[2])[1]


def _hashes(fields: Fields, files: list[Fields]) -> frozenset[str]:
    tables = [*files, *filter(None, [fields.optional_child("archive")])]
    found = (table.child("hashes").optional_text("sha256") for table in tables if "hashes" in table.mapping)
    return frozenset(sha256.lower() for sha256 in found if sha256)


def _once(found: list[Locked | Loose]) -> Iterator[Locked | Loose]:
    """Leave a package open that is chosen twice: an installer must refuse it (PEP 751)."""
    first: dict[str, Locked | Loose] = {}
    for one in found:
        name = one.name
        if name in first:
            first[name] = Loose(name, "the lock chooses it twice for this Python and platform", one.where)
        else:
            first[name] = one
    yield from first.values()
