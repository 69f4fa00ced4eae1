"""Which build a pin without a local label would get: `==2.1.0` takes 2.1.0+cu121, too, where an index serves it."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from modelreg.environment.accelerators import has_labels
from modelreg.environment.compare import same_version
from modelreg.environment.record import Package
from modelreg.lock.address import named
from modelreg.lock.locked import Index, Locked

_BUILDS = re.compile(
    r"pytorch|jax-releases|flashinfer|://(data\.pyg\.org|data\.dgl\.ai|repo\.radeon\.com)/"
    r"|(?<![a-z0-9])(cu[0-9]{2,3}|cuda[0-9.]*|rocm[0-9.]*|cpu|xpu)(?![a-z0-9])"
)
"""What tells an index, or a page of links, that serves such builds."""


def label_doubt(locked: Locked, wanted: Package, indexes: Iterable[Index]) -> str | None:
    """Say why it cannot be told whether a pin gets the build that is wanted; None: no doubt is reasonable.

    An index that is only a mirror raises none, unless the wanted build has a label, which the default index never has.
    """
    if not _can_differ(locked, wanted):
        return None
    for index in indexes:
        label = _label_there(locked, index)
        if label is None and not _may_serve(index, wanted):
            continue
        served = f"has {locked.package.version}+{label}" if label else "may have builds with a label"
        return (
            f"=={locked.package.version} takes any local label, and {index.address} "
            f"({index.where[0]}, line {index.where[1]}) {served}; pin the label, or use ==="
        )
    return None


def is_settled(locked: Locked, wanted: Package) -> bool:
    """Tell whether a pin lets in the file that is wanted, whatever its label is, as its hash is known and listed.

    Another hash tells nothing: it may be that of a build with a label.
    """
    return locked.is_open and wanted.origin is not None and wanted.origin.sha256 in locked.hashes


def unknown_labels(locked: Locked, wanted: Package, indexes: Iterable[Index]) -> bool:
    """Tell whether an index that may be a mirror is taken for one, for a package that has builds with labels."""
    elsewhere = any(index.builds is None for index in indexes)
    return elsewhere and _can_differ(locked, wanted) and has_labels(locked.name)


def _can_differ(locked: Locked, wanted: Package) -> bool:
    origin = wanted.origin
    if (
        not locked.is_open
        or is_settled(locked, wanted)
        or (origin and (origin.url is not None or origin.kind == "editable"))
    ):
        return False
    return same_version(locked.package.version, wanted.version.partition("+")[0])


def _may_serve(index: Index, wanted: Package) -> bool:
    """Tell whether an index whose packages are not known may serve builds with labels of a package."""
    if index.builds is not None:
        return False
    return "+" in wanted.version or (has_labels(wanted.name) and bool(_BUILDS.search(index.address.lower())))


def _label_there(locked: Locked, index: Index) -> str | None:
    """Return the label of a build that a folder of files has of a package at the version that is pinned."""
    for name, version in index.builds or ():
        public, _, label = version.partition("+")
        if label and name == locked.name and same_version(public, locked.package.version):
            return label
    return None


def labelled_builds(folder: Path) -> tuple[tuple[str, str], ...] | None:
    """Return name and version of what a folder of files has with a local label; None where it cannot be listed."""
    try:
        return tuple(named(name) for name in os.listdir(folder) if "+" in name)  # noqa: PTH208  # it may be large
    except (OSError, ValueError):
        return None
