"""What stands in the way of building an environment again elsewhere. Pure: values in, sentences out."""

from collections.abc import Iterator

from modelreg.environment.record import Environment, Package
from modelreg.records import Source

_PLACES = {
    "editable": "an editable folder of this machine",
    "directory": "a folder of this machine",
    "archive": "a file of this machine",
    "vcs": "a repository of this machine",
}
_SHORT = 12  # characters of a commit


def obstacles(environment: Environment, source: Source | None) -> Iterator[str]:
    """Name each package that pip can get nowhere else, and say if the work tree was not what its commit says."""
    for package in environment.unavailable:
        yield f"{package.name} {package.version} cannot be installed elsewhere: it comes from {_place(package)}"
    if source is not None and source.dirty:
        commit = source.commit[:_SHORT]
        yield f"the git work tree has changes that are in no commit, so {commit} is not all that was used"


def _place(package: Package) -> str:
    origin = package.origin
    if origin is None:
        return "an unknown place"
    place = _PLACES.get(origin.kind, "this machine")
    if origin.kind != "editable" or not origin.commit:
        return place
    return f"{place}, at commit {origin.commit[:_SHORT]}{' with changes' if origin.dirty else ''}"
