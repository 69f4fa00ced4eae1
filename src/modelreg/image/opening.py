"""Open an image: find where it is, and read and verify its documents."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from modelreg.digest import digest_of
from modelreg.errors import IntegrityError, NotFoundError, UsageError
from modelreg.image.document import (
    Descriptor,
    ImageConfig,
    ImageManifest,
    ImagePlatform,
    is_index,
    read_config,
    read_index,
    read_manifest,
)
from modelreg.image.reference import ImageReference
from modelreg.image.source import ImageSource, document, manifest_by_digest


class Image(NamedTuple):
    """An image whose documents were read and verified; layers are read when they are asked for.

    digest: of the index or manifest that its name stands for, with `sha256:`.
    """

    source: ImageSource
    digest: str
    manifest: ImageManifest
    config: ImageConfig

    @property
    def name(self) -> str:
        """The image as it was named."""
        return self.source.name

    @property
    def platform(self) -> ImagePlatform:
        """What it runs on."""
        return self.config.platform


def open_image(name: str, platform: str | None = None, *, prefer: ImagePlatform | None = None) -> Image:
    """Open an image: `registry/team/fraud:3`, an OCI layout, or an archive of `docker save`, with `:TAG` if need be.

    A name that has a `/` before anything else, a `.` or a `~`, or that is there as a file, is one of this machine.
    platform: `linux/amd64`: the one of an index, or what the only one must be. prefer: which one of an index, where
    nothing else says so.

    Raises:
        UsageError: it is no name of an image, or has several platforms and none was chosen.
        NotFoundError: there is none, or none for the platform.
        IntegrityError: its documents are damaged.
        AccessDeniedError, ImageRegistryError: the image registry gives none.
    """
    wanted = ImagePlatform.parse(platform) if platform is not None else None
    source = _source(name)
    data = source.manifest()
    digest = digest_of(data)
    if source.digest not in (None, digest):
        raise IntegrityError(f"{source.name}: what was answered has the digest {digest}; it was damaged or replaced")
    try:
        if is_index(data):
            data = manifest_by_digest(source, _choose(read_index(data), wanted or prefer, source.name).digest)
        manifest = read_manifest(data)
        config = read_config(document(source, manifest.config))
    except IntegrityError as error:
        raise _told(source.name, error) from None
    if wanted is not None and not config.platform.serves(wanted):
        raise NotFoundError(f"{source.name} is for {config.platform}, not for {platform}")
    return Image(source, digest, manifest, config)


def _source(name: str) -> ImageSource:
    if not _is_path(name):
        from modelreg.image.remote import RemoteImage

        return RemoteImage(ImageReference.parse(name))
    from modelreg.image.saved import open_saved

    path = Path(name).expanduser()
    head, colon, tag = name.rpartition(":")
    if not path.exists() and colon and head and "/" not in tag:
        return open_saved(Path(head).expanduser(), tag)
    return open_saved(path, None)


def _is_path(name: str) -> bool:
    """Tell a path from a reference. One without a dot or a slash before it must be there, and hold an image."""
    return name[:1] in ("/", ".", "~") or _is_saved(name) or (":" in name and _is_saved(name.rpartition(":")[0]))


def _is_saved(name: str) -> bool:
    path = Path(name)
    return path.is_file() or (path / "index.json").is_file()


def _choose(listed: Sequence[Descriptor], platform: ImagePlatform | None, name: str) -> Descriptor:
    """Return the image of an index for a platform; without one, the only one."""
    fitting = [one for one in listed if platform is None or (one.platform and one.platform.serves(platform))]
    names = ", ".join(str(one.platform) for one in listed) or "none"
    if not fitting:
        raise NotFoundError(f"{name} has no image for {platform}; it has {names}")
    if platform is None and len(fitting) > 1:
        raise UsageError(f"{name} has several platforms: {names}; choose one with --platform")
    return fitting[0]


def _told(name: str, error: IntegrityError) -> IntegrityError:
    text = str(error)
    return error if text.startswith(name) else IntegrityError(f"the image {name} {text}")
