"""Images on this machine: an OCI layout, as a folder or in a tar, and the archive that `docker save` writes."""

import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, TypeVar

from modelreg.digest import CHUNK, is_sha256
from modelreg.errors import IntegrityError, NotFoundError, UsageError
from modelreg.fields import Fields
from modelreg.image.document import Descriptor, is_index, parse_json, read_index
from modelreg.image.source import MAX_DOCUMENT, ImageSource

_PLAIN = "application/vnd.oci.image.layer.v1.tar"

Chosen = TypeVar("Chosen")


class _Files(Protocol):
    """A folder, or the members of a tar, by path."""

    def open(self, path: str) -> IO[bytes] | None:
        """Return an open file, or None where there is none."""
        ...

    def size(self, path: str) -> int:
        """Return the size of a file that is there, in bytes."""
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

    def open(self, path: str) -> IO[bytes] | None:
        try:
            return open(self._path / path, "rb")  # noqa: PTH123  # whoever asked closes it
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def size(self, path: str) -> int:
        return (self._path / path).stat().st_size


class _Tar:
    """An archive; a compressed one is read from its beginning for each file."""

    def __init__(self, path: Path) -> None:
        self._archive = tarfile.open(path)  # noqa: SIM115  # it is read for as long as the image is
        self._members = {member.name.removeprefix("./"): member for member in self._archive}

    def open(self, path: str) -> IO[bytes] | None:
        member = self._members.get(path)
        try:
            return self._archive.extractfile(member) if member else None
        except KeyError:  # a link to what is not there
            return None

    def size(self, path: str) -> int:
        member = self._members[path]
        target = self._archive.extractfile(member) if member.islnk() or member.issym() else None
        return target.seek(0, 2) if target else member.size


class _Layout:
    """An image of an OCI layout (OCI image specification, image-layout.md)."""

    def __init__(self, path: Path, files: _Files, chosen: Descriptor) -> None:
        self.name = str(path)
        self._files = files
        self._digest = chosen.digest

    def manifest(self, digest: str | None = None) -> bytes:
        wanted = digest or self._digest
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
        from modelreg.canonical import encode
        from modelreg.digest import sha256_of

        self._config = f"sha256:{sha256_of(config)}"
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
        try:
            size = self._files.size(self._places[digest])
        except (KeyError, OSError):
            raise NotFoundError(f"{self.name} holds no {self._places[digest]}; it was not copied whole") from None
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
    opened = files.open(path)
    if opened is None:
        return None
    with opened as file:
        data = file.read(MAX_DOCUMENT + 1)
    return data if len(data) <= MAX_DOCUMENT else None


def _pieces(files: _Files, path: str, name: str) -> Iterator[bytes]:
    opened = files.open(path)
    if opened is None:
        raise NotFoundError(f"{name} holds no {path}; it was not copied whole")
    with opened as file:
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
