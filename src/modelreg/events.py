"""The records that are added to a model after a version: alias moves, annotations, deletions, garbage collections.

Each is one of a numbered sequence, created once. Damage of any kind raises IntegrityError.
"""

from collections.abc import Mapping
from typing import NamedTuple

from modelreg.errors import UsageError
from modelreg.fields import Fields, present
from modelreg.records import checked_metrics, seal, unseal


class Stamp(NamedTuple):
    """Who wrote a record, and when: `created` is `YYYY-MM-DDTHH:MM:SSZ`, by the store's clock."""

    op: str
    created: str
    created_by: str


class Move(NamedTuple):
    """One move of an alias: it points at `version` from now on, or, with None, at nothing.

    rollback: the move undoes the one before it.
    """

    stamp: Stamp
    version: int | None
    why: str = ""
    rollback: bool = False

    def to_bytes(self, model: str, alias: str) -> bytes:
        """Return the alias record."""
        body: dict[str, object] = {"model": model, "alias": alias, "version": self.version, "why": self.why}
        if self.rollback:
            body["rollback"] = True
        return _sealed("alias", self.stamp, body)

    @classmethod
    def from_bytes(cls, data: bytes, model: str, alias: str) -> "Move":
        """Read the alias record that lies at the key of `model` and `alias`."""
        fields = unseal("alias", data, model=model, alias=alias)
        return cls(
            _stamp(fields),
            fields.optional_integer("version"),
            fields.optional_text("why") or "",
            fields.optional_flag("rollback") or False,
        )


TARGETS = ("base", "train", "serve")
"""What an image of a version is for: both others, training, or serving."""


class ImageNote(NamedTuple):
    """An image that holds a version's environment: its reference with a digest, and what it runs on (`linux/amd64`).

    fits: whether its packages were found to be those that the version pins; None where nobody looked.
    """

    reference: str
    platform: str | None = None
    fits: bool | None = None


class Annotation(NamedTuple):
    """Facts added to a version: tags and metrics set, tags removed, and the description replaced unless it is None.

    images: by target, `base`, `train` or `serve`; each replaces the one before. remove_images: the targets that have
    none any more.
    """

    stamp: Stamp
    tags: Mapping[str, str] = {}
    metrics: Mapping[str, str] = {}
    description: str | None = None
    remove_tags: tuple[str, ...] = ()
    images: Mapping[str, ImageNote] = {}
    remove_images: tuple[str, ...] = ()

    def to_bytes(self, model: str, version: int) -> bytes:
        """Return the annotation record."""
        body: dict[str, object] = {"model": model, "version": version}
        if self.tags:
            body["tags"] = dict(self.tags)
        if self.metrics:
            body["metrics"] = dict(self.metrics)
        if self.description is not None:
            body["description"] = self.description
        if self.remove_tags:
            body["remove_tags"] = list(self.remove_tags)
        if self.images:
            body["images"] = {target: present(image) for target, image in self.images.items()}
        if self.remove_images:
            body["remove_images"] = list(self.remove_images)
        return _sealed("annotation", self.stamp, body)

    @classmethod
    def from_bytes(cls, data: bytes, model: str, version: int) -> "Annotation":
        """Read the annotation record that lies at the key of `model` and `version`."""
        fields = unseal("annotation", data, model=model, version=version)
        return cls(
            _stamp(fields),
            fields.text_map("tags"),
            checked_metrics(fields),
            fields.optional_text("description"),
            fields.texts("remove_tags"),
            fields.optional("images", read_images) or {},
            fields.texts("remove_images"),
        )


def read_images(fields: Fields) -> dict[str, ImageNote]:
    """Return the images of a record, by target; those for targets that are not known are passed over.

    Raises:
        IntegrityError: one is damaged, or has no digest.
    """
    images = {}
    for target in TARGETS:
        image = fields.optional_child(target)
        if image is not None:
            reference = image.text("reference")
            if not _is_pinned(reference):
                raise image.damage("reference", "is no image with a digest")
            images[target] = ImageNote(reference, image.optional_text("platform"), image.optional_flag("fits"))
    return images


def _is_pinned(reference: str) -> bool:
    # Imported here: most versions have no image.
    from modelreg.image.reference import ImageReference

    try:
        return ImageReference.parse(reference).digest is not None
    except UsageError:
        return False


DELETED, RESTORING, RESTORED = "deleted", "restoring", "restored"


class Deletion(NamedTuple):
    """One step in the deletion of a version. state: `deleted`, `restoring` or `restored`."""

    stamp: Stamp
    state: str
    why: str = ""

    def to_bytes(self, model: str, version: int) -> bytes:
        """Return the deletion record."""
        body = {"model": model, "version": version, "state": self.state, "why": self.why}
        return _sealed("deletion", self.stamp, body)

    @classmethod
    def from_bytes(cls, data: bytes, model: str, version: int) -> "Deletion":
        """Read the deletion record that lies at the key of `model` and `version`."""
        fields = unseal("deletion", data, model=model, version=version)
        state = fields.text("state")
        if state not in (DELETED, RESTORING, RESTORED):
            raise fields.damage("state", "is none that this modelreg knows")
        return cls(_stamp(fields), state, fields.optional_text("why") or "")


class Uploads(NamedTuple):
    """The upload-ids that a garbage collection's candidates or plan name."""

    stamp: Stamp
    artifacts: tuple[str, ...]

    def to_bytes(self, kind: str, model: str) -> bytes:
        """Return a record of `kind` `candidates` or `plan`."""
        return _sealed(kind, self.stamp, {"model": model, "artifacts": sorted(self.artifacts)})

    @classmethod
    def from_bytes(cls, kind: str, data: bytes, model: str) -> "Uploads":
        """Read a record of `kind` `candidates` or `plan` of a model."""
        fields = unseal(kind, data, model=model)
        return cls(_stamp(fields), fields.texts("artifacts"))


def _sealed(kind: str, stamp: Stamp, body: Mapping[str, object]) -> bytes:
    return seal(kind, stamp.op, stamp.created, stamp.created_by, body)


def _stamp(fields: Fields) -> Stamp:
    return Stamp(fields.op(), fields.time("created"), fields.text("created_by"))
