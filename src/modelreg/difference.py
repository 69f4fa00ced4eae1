"""What changed between two versions, or between a version and an environment. Pure: two values in, changes out."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from modelreg.environment.record import Environment, Package, Python
from modelreg.manifest import Manifest


class Change(NamedTuple):
    """One difference.

    part: `file`, `package`, `python`, `platform`, `metric`, `param`, `tag`, `image`, `import`, `source` or
        `description`.
    before, after: None where it is absent there.
    note: what else can be said, such as `up`, `down` or a metric's difference.
    """

    part: str
    name: str
    before: str | None
    after: str | None
    note: str = ""

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def difference(before: Manifest, after: Manifest) -> tuple[Change, ...]:
    """Return what changed between two versions, in the order of a manifest."""
    one, two = before.version, after.version
    return (
        *_changes("file", _files(before), _files(after)),
        *environment_difference(before.environment, after.environment),
        *_metrics(one.metrics, two.metrics),
        *_changes("param", one.params, two.params),
        *_changes("tag", one.tags, two.tags),
        *_changes("image", _images(before), _images(after)),
        *_changes("import", _imports(before), _imports(after)),
        *_changes("source", _source(before), _source(after)),
        *_changes("description", {"": one.description}, {"": two.description}),
    )


def environment_difference(before: Environment, after: Environment) -> tuple[Change, ...]:
    """Return what changed between two environments."""
    platforms = ({"": str(before.platform)}, {"": str(after.platform)})
    return (
        *_changes("python", *_pythons(before.python, after.python)),
        *_changes("platform", *platforms),
        *_packages(before.packages, after.packages),
    )


def _changes(part: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        one, two = before.get(name), after.get(name)
        if one != two:
            yield Change(part, name, one, two)


def _files(manifest: Manifest) -> dict[str, str]:
    return {file.path: f"{file.size:,} bytes, sha256:{file.sha256}" for file in manifest.tree.files}


def _pythons(before: Python, after: Python) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is to be compared of two interpreters; the tag of extension modules only where it adds something."""
    one, two = ({"": f"{python.implementation} {python.version}"} for python in (before, after))
    if one == two and before.soabi and after.soabi:
        one["abi"], two["abi"] = before.soabi, after.soabi
    return one, two


def _source(manifest: Manifest) -> dict[str, str]:
    source = manifest.version.source
    if source is None:
        return {}
    commit = source.commit + (" with changes" if source.dirty else "")
    return {"commit": commit} | ({"branch": source.branch} if source.branch else {})


def _imports(manifest: Manifest) -> dict[str, str]:
    imports = manifest.version.record.imports
    names = imports.names if imports else {}
    return {f"{module}.{name}".rstrip("."): "imported" for module, found in names.items() for name in found or ("",)}


def _images(manifest: Manifest) -> dict[str, str]:
    return {target: image.reference for target, image in manifest.version.images.items()}


def _metrics(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        one, two = before.get(name), after.get(name)
        if one is None or two is None:
            yield Change("metric", name, one, two)
        elif Decimal(one) != Decimal(two):
            yield Change("metric", name, one, two, f"{Decimal(two) - Decimal(one):+}")


def _packages(before: Sequence[Package], after: Sequence[Package]) -> Iterator[Change]:
    old, new = ({package.name: package for package in packages} for packages in (before, after))
    for name in sorted(old.keys() | new.keys()):
        one, two = old.get(name), new.get(name)
        if one is None or two is None:
            yield Change("package", name, one.version if one else None, two.version if two else None)
            continue
        direction = _direction(one.version, two.version) if one.version != two.version else ""
        here, there = _place(one), _place(two)
        if here != there:
            yield Change("package", name, f"{one.version} from {here}", f"{two.version} from {there}", direction)
        elif one.version != two.version:
            yield Change("package", name, one.version, two.version, direction)


def _place(package: Package) -> str:
    """Name where a package was installed from: as much of it as tells two places apart."""
    origin = package.origin
    if origin is None:
        return "an index"
    if origin.url is None:
        return f"a local {origin.kind}" if origin.kind in _LOCAL else origin.kind
    revision = f"@{origin.commit}" if origin.commit else ""
    folder = f"#subdirectory={origin.subdirectory}" if origin.subdirectory else ""
    sha256 = f", sha256:{origin.sha256}" if origin.sha256 else ""
    return f"{origin.vcs or origin.kind} {origin.url}{revision}{folder}{sha256}"


_LOCAL = ("vcs", "archive", "directory", "editable")


def _direction(before: str, after: str) -> str:
    # Imported here: equal environments, the usual case, do not need it.
    from packaging.version import InvalidVersion, Version

    try:
        one, two = Version(before), Version(after)
    except InvalidVersion:
        return ""
    return "up" if one < two else "down" if one > two else "the same version, written differently"
