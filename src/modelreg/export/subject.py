"""What is exported: a version of a model, and which of its packages."""

from collections.abc import Mapping
from typing import NamedTuple

from modelreg.environment.record import Environment
from modelreg.environment.selection import Selection, select
from modelreg.errors import IntegrityError, UsageError
from modelreg.manifest import Manifest
from modelreg.pulled import PulledManifest
from modelreg.records import File, Group


class Subject(NamedTuple):
    """A version as exporters see it.

    record: the digest of its record. created: as records have times. files, format: of the artifact, as in its records.
    missing: what was asked for and is left out, as in `numpy 2.1.0`.
    """

    model: str
    number: int
    record: str
    created: str
    files: tuple[File, ...]
    selection: Selection
    description: str = ""
    format: str | None = None
    missing: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """The reference by number: `fraud:3`."""
        return f"{self.model}:{self.number}"

    @property
    def environment(self) -> Environment:
        """The whole environment, whatever was selected of it."""
        return self.selection.environment

    @property
    def heading(self) -> tuple[str, ...]:
        """Lines that say what this is, for the top of a file."""
        selection, environment = self.selection, self.environment
        group = f", group {selection.group}" if selection.group else ""
        lines = [
            f"{self.reference}{group}, registered {self.created}; version record {self.record}",
            f"Python {environment.python.version} ({environment.python.implementation}) on {environment.platform}",
        ]
        if selection.tooling:
            lines.append(f"Left out, as they only install and check: {', '.join(selection.tooling)}")
        if self.missing:
            lines.append(f"Missing, as they cannot be had elsewhere: {', '.join(self.missing)}")
        return tuple(lines)


def subject_of(manifest: Manifest | PulledManifest, group: str | None = None) -> Subject:
    """Return a version with what a group of it needs; without a group, with everything.

    Raises:
        UsageError: it has no such group.
    """
    told = manifest if isinstance(manifest, PulledManifest) else manifest.version.record
    tooling = told.roles.tooling if told.roles else ()
    if isinstance(manifest, PulledManifest):
        selection = _select(manifest.reference, manifest.environment, told.groups, group, tooling)
        return Subject(manifest.model, manifest.number, manifest.record, manifest.created, manifest.files, selection)
    version = manifest.version
    return Subject(
        version.model,
        version.number,
        version.digest,
        version.created,
        manifest.tree.files,
        _select(version.reference, manifest.environment, told.groups, group, tooling),
        version.description,
        version.artifact.format,
    )


def _select(
    reference: str,
    environment: Environment,
    groups: Mapping[str, Group] | None,
    group: str | None,
    tooling: tuple[str, ...],
) -> Selection:
    try:
        return select(environment, groups, group, tooling)
    except (UsageError, IntegrityError) as error:
        raise type(error)(f"{reference} {error}") from None
