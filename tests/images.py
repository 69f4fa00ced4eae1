"""Images made by hand: layers, OCI layouts and the archives of `docker save`, in a moment and without an engine."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelreg.digest import sha256_of

GZIP, ZSTD, PLAIN = "tar+gzip", "tar+zstd", "tar"


@dataclass(frozen=True)
class To:
    """A link: symbolic, or another name of a file of the same layer."""

    target: str
    hard: bool = False


Content = bytes | str | To | None
"""What a layer holds at a path: a file, a link, or, with None, a folder."""


def tar_of(files: Mapping[str, Content]) -> bytes:
    """Return a layer without compression, its entries in the order given."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            if isinstance(content, To):
                member.type = tarfile.LNKTYPE if content.hard else tarfile.SYMTYPE
                member.linkname = content.target
                archive.addfile(member)
            elif content is None:
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
            else:
                body = content.encode() if isinstance(content, str) else content
                member.size = len(body)
                archive.addfile(member, io.BytesIO(body))
    return data.getvalue()


def compressed(data: bytes, how: str) -> bytes:
    if how == GZIP:
        return gzip.compress(data, 1, mtime=0)
    if how == ZSTD:
        import zstandard

        return zstandard.ZstdCompressor().compress(data)
    return data


@dataclass
class Blobs:
    """The content of an OCI layout: every document and layer by its digest."""

    kept: dict[str, bytes]

    def add(self, data: bytes, media_type: str, **more: object) -> dict[str, object]:
        digest = f"sha256:{sha256_of(data)}"
        self.kept[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data), **more}

    def add_json(self, value: object, media_type: str, **more: object) -> dict[str, object]:
        return self.add(json.dumps(value).encode(), media_type, **more)


OCI = "application/vnd.oci.image"


def image_of(
    blobs: Blobs,
    layers: Sequence[bytes | Mapping[str, Content]],
    config: Mapping[str, object] | None = None,
    *,
    platform: str = "linux/amd64",
    how: str = GZIP,
) -> dict[str, object]:
    """Add an image to `blobs` and return the descriptor of its manifest. config: `Env`, `Cmd` and the like."""
    plain = [layer if isinstance(layer, bytes) else tar_of(layer) for layer in layers]
    system, architecture, *variant = platform.split("/")
    document: dict[str, object] = {
        "os": system,
        "architecture": architecture,
        "config": config or {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256_of(data)}" for data in plain]},
    }
    if variant:
        document["variant"] = variant[0]
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": blobs.add_json(document, f"{OCI}.config.v1+json"),
        "layers": [blobs.add(compressed(data, how), f"{OCI}.layer.v1.{how}") for data in plain],
    }
    return blobs.add_json(manifest, f"{OCI}.manifest.v1+json")


def index_of(blobs: Blobs, images: Mapping[str, dict[str, object]]) -> dict[str, object]:
    """Add an index of images by platform, as engines write it: with an attestation among them."""
    listed = []
    for platform, image in {**images, "unknown/unknown": next(iter(images.values()))}.items():
        system, architecture, *variant = platform.split("/")
        named = {"os": system, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
        listed.append({**image, "platform": named})
    media_type = f"{OCI}.index.v1+json"
    return blobs.add_json({"schemaVersion": 2, "mediaType": media_type, "manifests": listed}, media_type)


def write_layout(folder: Path, blobs: Blobs, images: Mapping[str, dict[str, object]]) -> Path:
    """Write an OCI layout. images: descriptors by name."""
    (folder / "blobs" / "sha256").mkdir(parents=True)
    for digest, data in blobs.kept.items():
        (folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(data)
    named = [
        {**image, "annotations": {"org.opencontainers.image.ref.name": name}} if name else image
        for name, image in images.items()
    ]
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": named}), encoding="utf-8")
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
    return folder


def layout(
    folder: Path,
    *layers: bytes | Mapping[str, Content],
    config: Mapping[str, object] | None = None,
    platform: str = "linux/amd64",
    how: str = GZIP,
) -> Path:
    """Write an OCI layout of one image."""
    blobs = Blobs({})
    return write_layout(folder, blobs, {"": image_of(blobs, layers, config, platform=platform, how=how)})


def tar_folder(folder: Path, target: Path) -> Path:
    """Put the files of a folder into an archive, as `skopeo` and new engines do with a layout."""
    with tarfile.open(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False)
    return target


def write_saved(target: Path, images: Mapping[str, Sequence[Mapping[str, Content]]]) -> Path:
    """Write what `docker save` wrote before Docker 25: plain layers, some of them links to others, and no digests."""
    entries, files = [], dict[str, Content]()
    for name, layers in images.items():
        plain = [tar_of(layer) for layer in layers]
        places = [f"{number}/layer.tar" for number, _ in enumerate(plain)]
        for number, data in enumerate(plain):
            same = plain.index(data)
            files[places[number]] = data if same == number else To(f"../{places[same]}")
        config = {
            "os": "linux",
            "architecture": "amd64",
            "config": {"Env": None, "Cmd": None},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256_of(data)}" for data in plain]},
        }
        data = json.dumps(config).encode()
        files[f"{sha256_of(data)}.json"] = data
        entries.append({"Config": f"{sha256_of(data)}.json", "RepoTags": [name], "Layers": places})
    files["manifest.json"] = json.dumps(entries)
    target.write_bytes(tar_of(files))
    return target


def python_files(prefix: str = "usr/local", version: str = "3.11.7") -> dict[str, Content]:
    """Return what tells a Python in an image: the interpreter, its modules, and the header with its version."""
    minor = ".".join(version.split(".")[:2])
    tag = f"cpython-{minor.replace('.', '')}-x86_64-linux-gnu"
    return {
        f"{prefix}/bin/python{minor}": b"\x7fELF of no account",
        f"{prefix}/bin/python3": To(f"python{minor}"),
        f"{prefix}/lib/python{minor}/os.py": "",
        f"{prefix}/lib/python{minor}/lib-dynload/math.{tag}.so": b"",
        f"{prefix}/include/python{minor}/patchlevel.h": f'#define PY_VERSION      "{version}"\n',
    }


def glibc(version: str = "2.36") -> dict[str, Content]:
    """Return a C library that says what it is."""
    return {
        "lib": To("usr/lib"),
        "usr/lib/x86_64-linux-gnu/libc.so.6": b"\0" * 5000
        + f"GNU C Library (Debian GLIBC {version}-9) stable release version {version}.\n".encode(),
    }


def package_files(site: str, *packages: str, installer: str = "pip") -> dict[str, Content]:
    """Return the metadata of packages, each `name==version`, as an installer leaves it."""
    files: dict[str, Content] = {}
    for package in packages:
        name, _, version = package.partition("==")
        info = f"{site}/{name.replace('-', '_')}-{version}.dist-info"
        files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nAbout it.\n"
        files[f"{info}/INSTALLER"] = f"{installer}\n"
        files[f"{info}/RECORD"] = f"{name}.py,,\n"
    return files
