"""The JSON documents of an image: index, manifest and configuration (OCI image specification 1.1). Pure."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from modelreg.errors import IntegrityError, UsageError
from modelreg.fields import Fields

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm/v7": "armv7l", "arm/v6": "armv6l"}
_ARCHITECTURES = {machine: architecture for architecture, machine in _MACHINES.items()}


class ImagePlatform(NamedTuple):
    """What an image runs on, in the words of images: `linux/amd64`, `linux/arm/v7`."""

    system: str
    architecture: str
    variant: str | None = None

    @classmethod
    def parse(cls, text: str) -> "ImagePlatform":
        """Read `system/architecture[/variant]`.

        Raises:
            UsageError: it is none.
        """
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(part.isascii() and part.isprintable() and part for part in parts):
            raise UsageError(f"{text!r} is no platform; write it as linux/amd64 or linux/arm/v7")
        return cls(*parts)

    @classmethod
    def of_machine(cls, system: str, machine: str) -> "ImagePlatform":
        """Return the platform of a machine as Python names it: `linux`, `x86_64`."""
        return cls(system, *_ARCHITECTURES.get(machine, machine).split("/"))

    @property
    def machine(self) -> str:
        """The machine as Python names it there: `x86_64`."""
        if self.system == "windows":
            return self.architecture
        with_variant = f"{self.architecture}/{self.variant}"
        return _MACHINES.get(with_variant) or _MACHINES.get(self.architecture) or self.architecture

    def serves(self, wanted: "ImagePlatform") -> bool:
        """Tell whether an image for this platform is one for `wanted`."""
        if (self.system, self.architecture) != (wanted.system, wanted.architecture):
            return False
        # arm64 has one variant in use, which is written or not.
        return self.variant == wanted.variant or wanted.variant is None or self.architecture == "arm64"

    def __str__(self) -> str:
        """Return it as it is typed."""
        return "/".join(part for part in (self.system, self.architecture, self.variant) if part)


class Descriptor(NamedTuple):
    """A reference from one document to some content: its type, digest (`sha256:…`) and size in bytes."""

    media_type: str
    digest: str
    size: int
    platform: ImagePlatform | None = None
    name: str | None = None


class ImageConfig(NamedTuple):
    """What an image says of itself and of how it is run. environ: its variables. diff_ids: digests of plain layers."""

    platform: ImagePlatform
    environ: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    user: str
    labels: Mapping[str, str]
    diff_ids: tuple[str, ...]


class ImageManifest(NamedTuple):
    """What an image for one platform is made of, from the lowest layer up."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


def read_index(data: bytes) -> tuple[Descriptor, ...]:
    """Return the images that an index lists. Attestations, whose platform is `unknown`, are left out.

    Raises:
        IntegrityError: it is damaged.
    """
    listed = [_descriptor(item) for item in _fields(data).children("manifests")]
    return tuple(one for one in listed if one.platform is None or one.platform.system != "unknown")


def read_manifest(data: bytes) -> ImageManifest:
    """Read a manifest.

    Raises:
        IntegrityError: it is damaged, or of the first, unverifiable format.
    """
    fields = _fields(data)
    if fields.mapping.get("schemaVersion") != 2:  # noqa: PLR2004  # the only one that is in use
        raise IntegrityError("has an old format whose digests cannot be checked; push it again with a newer engine")
    layers = tuple(_descriptor(item) for item in fields.children("layers"))
    return ImageManifest(_descriptor(fields.child("config")), layers)


def read_config(data: bytes) -> ImageConfig:
    """Read a configuration.

    Raises:
        IntegrityError: it is damaged.
    """
    fields = _fields(data)
    run = _child(fields, "config")
    pairs = (pair.partition("=") for pair in _texts(run, "Env"))
    return ImageConfig(
        _platform(fields),
        {name: value for name, _, value in pairs},
        _texts(run, "Entrypoint"),
        _texts(run, "Cmd"),
        run.text("User") if run.mapping.get("User") else "",
        run.text_map("Labels") if run.mapping.get("Labels") else {},
        fields.child("rootfs").texts("diff_ids"),
    )


def is_index(data: bytes) -> bool:
    """Tell an index from a manifest; the media type may be missing in either."""
    return "manifests" in _fields(data).mapping


def parse_json(data: bytes) -> object:
    """Return what JSON that somebody else wrote holds.

    Raises:
        IntegrityError: it is no JSON.
    """
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        raise IntegrityError("is no valid JSON") from None
    return value


def _fields(data: bytes) -> Fields:
    value = parse_json(data)
    if not isinstance(value, dict):
        raise IntegrityError("is no JSON object")
    return Fields(value)


def _descriptor(fields: Fields) -> Descriptor:
    platform = _child(fields, "platform")
    annotations = _child(fields, "annotations")
    return Descriptor(
        fields.text("mediaType"),
        fields.digest("digest"),
        fields.integer("size"),
        _platform(platform) if platform.mapping else None,
        annotations.optional_text("org.opencontainers.image.ref.name"),
    )


def _platform(fields: Fields) -> ImagePlatform:
    return ImagePlatform(fields.text("os"), fields.text("architecture"), fields.optional_text("variant") or None)


def _child(fields: Fields, name: str) -> Fields:
    """Return an object in this one, empty where it is absent or null."""
    return fields.child(name) if fields.mapping.get(name) is not None else Fields({})


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    return fields.texts(name) if fields.mapping.get(name) is not None else ()
