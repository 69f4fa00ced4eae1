"""A version and a model as a reader of the registry sees them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from modelreg.events import TARGETS, Annotation, Deletion, ImageNote
from modelreg.records import Artifact, CaptureNote, EnvironmentSummary, Source, VersionRecord


class State(StrEnum):
    """Whether a version can be had: `deleted` can be restored, `collected` cannot."""

    LIVE = "live"
    DELETED = "deleted"
    COLLECTED = "collected"


class Version(NamedTuple):
    """A version: what was registered, and what was added since.

    digest: its record's, with `sha256:`. aliases: those that point here, `latest` left out. Tags, metrics,
    images and description are as they stand now, annotations included; `record` has them as they were registered.
    """

    record: VersionRecord
    digest: str
    aliases: tuple[str, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    state: State = State.LIVE
    deletion: Deletion | None = None

    def __str__(self) -> str:
        """Return the reference: `fraud:3`."""
        return self.reference

    @property
    def reference(self) -> str:
        """The reference by number: `fraud:3`."""
        return f"{self.model}:{self.number}"

    @property
    def model(self) -> str:
        """The model's name."""
        return self.record.model

    @property
    def number(self) -> int:
        """The version's number, from 1."""
        return self.record.version

    @property
    def created(self) -> str:
        """When it was registered: `YYYY-MM-DDTHH:MM:SSZ`."""
        return self.record.created

    @property
    def created_by(self) -> str:
        """Who registered it."""
        return self.record.created_by

    @property
    def artifact(self) -> Artifact:
        """The files, summed up."""
        return self.record.artifact

    @property
    def environment(self) -> EnvironmentSummary:
        """The environment, summed up."""
        return self.record.environment

    @property
    def capture(self) -> CaptureNote:
        """How the environment was read."""
        return self.record.capture

    @property
    def source(self) -> Source | None:
        """The git work tree it was registered from."""
        return self.record.source

    @property
    def params(self) -> Mapping[str, str]:
        """Parameters of the training."""
        return self.record.params

    @property
    def description(self) -> str:
        """Free text."""
        texts = [fact.description for fact in self.annotations if fact.description is not None]
        return texts[-1] if texts else self.record.description

    @property
    def tags(self) -> Mapping[str, str]:
        """Tags."""
        tags = dict(self.record.tags)
        for fact in self.annotations:
            for name in fact.remove_tags:
                tags.pop(name, None)
            tags |= fact.tags
        return tags

    @property
    def metrics(self) -> Mapping[str, str]:
        """Metrics, as decimal strings."""
        metrics = dict(self.record.metrics)
        for fact in self.annotations:
            metrics |= fact.metrics
        return metrics

    @property
    def images(self) -> Mapping[str, ImageNote]:
        """Images that hold its environment, by target."""
        latest: dict[str, ImageNote] = {}
        for fact in self.annotations:
            for target in fact.remove_images:
                latest.pop(target, None)
            latest |= fact.images
        return {target: latest[target] for target in TARGETS if target in latest}


class Model(NamedTuple):
    """A model with at least one live version. aliases: `(alias, version)`, by name."""

    name: str
    latest: Version
    versions: int
    aliases: tuple[tuple[str, int], ...]
