"""Images on this machine: an OCI layout, as a folder or in a tar, and the archive that `docker save` writes."""

import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol, TypeVar

from modelreg.canonical import encode
from modelreg.digest import CHUNK, digest_of, is_sha256
from modelreg.errors import IntegrityError, NotFoundError, UsageError
from modelreg.fields import Fields
from modelreg.image.document import Descriptor, is_index, parse_json, read_index
from modelreg.image.source import MAX_DOCUMENT, ImageSource

_PLAIN = "application/vnd.oci.image.layer.v1.tar"

Chosen = TypeVar("Chosen")


class _Files(Protocol):
    """A folder, or the members of a tar, by path."""

    def open(self, path: str) -> AbstractContextManager[IO[bytes] | None]:
        """Open a file while it is in use; None where there is none."""
        ...

    def size(self, path: str) -> int | None:
        """Return the size of a file in bytes; None where there is none."""
        ...


def open_saved(path: Path, tag: str | None) -> ImageSource:
    """Return the image in a folder or a file.

    tag: which one, where there are several: the name that it was given, or the end of it.

    Raises:
        NotFoundError: there is nothing, or no image of this name.
        UsageError: there are several and none was chosen, or it is no image.
    """
    try:
        files: _Files = _Folder(path) if path.is_dir() else _Tar(path)
    except FileNotFoundError:
        raise NotFoundError(f"there is no image {path}; give an OCI layout or what docker save wrote") from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UsageError(f"{path} is no image: {error}; give an OCI layout or what docker save wrote") from None
    index = _small(files, "index.json")
    if index is not None:
        return _Layout(path, files, _chosen(path, index, tag))
    saved = _small(files, "manifest.json")
    if saved is not None:
        return _Saved(path, files, saved, tag)
    raise UsageError(f"{path} is no image; give an OCI layout or what docker save wrote")


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes] | None]:
        if self.size(path) is None:
            yield None
            return
        with (self._path / path).open("rb") as file:
            yield file

    def size(self, path: str) -> int | None:
        place = self._path / path
        return place.stat().st_size if place.is_file() else None


class _Tar:
    """An archive; a compressed one is read from its beginning for each file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with tarfile.open(path) as archive:
            members = {posixpath.normpath(member.name): member for member in archive}
        # An engine writes a layer that stands twice once, and a link for the other.
        linked = {name: _target(name, member) for name, member in members.items() if member.issym() or member.islnk()}
        self._members = members | {name: members[target] for name, target in linked.items() if target in members}

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes] | None]:
        member = self._members.get(path)
        with tarfile.open(self._path) as archive:
            yield archive.extractfile(member) if member and member.isreg() else None

    def size(self, path: str) -> int | None:
        member = self._members.get(path)
        return member.size if member and member.isreg() else None


def _target(name: str, member: tarfile.TarInfo) -> str:
    beside = posixpath.dirname(name) if member.issym() else ""
    return posixpath.normpath(posixpath.join(beside, member.linkname))


class _Layout:
    """An image of an OCI layout (OCI image specification, image-layout.md)."""

    def __init__(self, path: Path, files: _Files, chosen: Descriptor) -> None:
        self.name = str(path)
        self._files = files
        self.digest: str | None = chosen.digest

    def manifest(self, digest: str | None = None) -> bytes:
        wanted = digest or self.digest or ""
        data = _small(self._files, _blob(wanted))
        if data is None:
            raise NotFoundError(f"{self.name} holds no {wanted}; it was not copied whole")
        return data

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        return _pieces(self._files, _blob(descriptor.digest), self.name)


class _Saved:
    """An image of an archive of `docker save` before Docker 25: it has no manifest, so one is put together."""

    def __init__(self, path: Path, files: _Files, saved: bytes, tag: str | None) -> None:
        self.name = str(path)
        self.digest = None
        self._files = files
        with _told(path):
            images = Fields({"images": parse_json(saved)}).children("images")
            entry = _only(path, {name: image for image in images for name in (image.texts("RepoTags") or ("",))}, tag)
            config = _small(files, entry.text("Config")) or b"{}"
            digests = (
                Fields(Fields({"config": parse_json(config)}).child("config").mapping).child("rootfs").texts("diff_ids")
            )
            layers = entry.texts("Layers")
            if len(digests) != len(layers) or not all(is_sha256(digest.removeprefix("sha256:")) for digest in digests):
                raise IntegrityError("is damaged: its layers are not those of its configuration")
        self._places = dict(zip(digests, layers, strict=True))
        self._config = digest_of(config)
        self._places[self._config] = entry.text("Config")
        described = [self._describe(digest, _PLAIN) for digest in digests]
        self._manifest = encode(
            {"schemaVersion": 2, "config": self._describe(self._config, "config"), "layers": described}
        )

    def manifest(self, digest: str | None = None) -> bytes:  # noqa: ARG002  # there is only one
        return self._manifest

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        return _pieces(self._files, self._places[descriptor.digest], self.name)

    def _describe(self, digest: str, media_type: str) -> dict[str, object]:
        size = self._files.size(self._places[digest])
        if size is None:
            raise NotFoundError(f"{self.name} holds no {self._places[digest]}; it was not copied whole")
        return {"mediaType": media_type, "digest": digest, "size": size}


def _chosen(path: Path, index: bytes, tag: str | None) -> Descriptor:
    with _told(path):
        if not is_index(index):
            raise IntegrityError("is damaged: its index.json is none")
        listed = read_index(index)
    return _only(path, {one.name or one.digest: one for one in listed}, tag)


def _only(path: Path, named: Mapping[str, Chosen], tag: str | None) -> Chosen:
    """Return the image that a tag, a digest or a whole name chooses; without one, the only one."""
    fitting = [
        image for name, image in named.items() if tag is None or name == tag or name.endswith((f":{tag}", f"@{tag}"))
    ]
    names = ", ".join(sorted(filter(None, named))) or "none"
    if not fitting:
        raise NotFoundError(f"{path} holds no image {tag or ''}; it holds {names}".replace("  ", " "))
    if any(image is not fitting[0] for image in fitting):
        raise UsageError(f"{path} holds several images: {names}; choose one, as in {path}:TAG")
    return fitting[0]


def _small(files: _Files, path: str) -> bytes | None:
    """Return a document; None where there is none, or what is too large to be one."""
    if (files.size(path) or MAX_DOCUMENT + 1) > MAX_DOCUMENT:
        return None
    with files.open(path) as file:
        return file.read() if file else None


def _pieces(files: _Files, path: str, name: str) -> Iterator[bytes]:
    with files.open(path) as file:
        if file is None:
            raise NotFoundError(f"{name} holds no {path}; it was not copied whole")
        while piece := file.read(CHUNK):
            yield piece


def _blob(digest: str) -> str:
    return digest.replace("sha256:", "blobs/sha256/", 1)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of which file damage is."""
    try:
        yield
    except IntegrityError as error:
        raise IntegrityError(f"{path} {error}") from None
