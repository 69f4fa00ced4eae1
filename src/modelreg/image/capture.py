"""Capture the environment of an image as one of a live interpreter is captured; nothing of it is run."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from modelreg.environment import probe
from modelreg.environment.capture import Capture
from modelreg.environment.distribution import read_distributions
from modelreg.environment.record import Environment
from modelreg.image.cache import cached, remember
from modelreg.image.evidence import read_platform, read_python
from modelreg.image.filesystem import File, FileSystem, Folder
from modelreg.image.layer import Entry, read_layer
from modelreg.image.opening import Image
from modelreg.image.pythons import choose_python, find_pythons
from modelreg.image.search_path import search_path
from modelreg.progress import Meter, ProgressCallback


def capture_image(image: Image, python: str | None = None, progress: ProgressCallback | None = None) -> Capture:
    """Capture the environment of an image as one of a live interpreter is captured; nothing of the image is run.

    python: an executable or an environment's folder in the image, where it has several.

    Raises:
        EnvironmentUnreadableError: the image has no Python.
        UsageError: it has several environments, and nothing says which one counts.
        NotFoundError, IntegrityError, AccessDeniedError, ImageRegistryError: a layer cannot be had, or is damaged.
    """
    files = read_files(image, progress)
    chosen = choose_python(files, image.config, find_pythons(files), python, image.name)
    path, added = search_path(files, chosen, image.config)
    version, remark = read_python(files, chosen, image.config)
    with tempfile.TemporaryDirectory(prefix="modelreg-") as folder:
        root = Path(folder).resolve()
        found = read_distributions(_distributions(files, path, root))
        environment = Environment(version, read_platform(files, image.config), found.packages)
        if chosen.kind == "conda":
            # Imported here: few images are conda's.
            from modelreg.environment.conda import with_conda

            environment = with_conda(environment, _conda_records(files, chosen.prefix, root), found.places)
    return Capture(
        environment,
        chosen.kind,
        f"{image.name} {chosen.prefix}",
        (*found.remarks, *([remark] if remark else [])),
        added,
        found.duplicates,
        unplaced=found.unplaced,
    )


def read_files(image: Image, progress: ProgressCallback | None = None) -> FileSystem:
    """Return an image's file system; layers that were read before are taken from the cache."""
    layers = {layer.digest: (layer, cached(layer.digest)) for layer in image.manifest.layers}
    missing = sum(layer.size for layer, entries in layers.values() if entries is None)
    meter = Meter("read", missing, progress)
    files = FileSystem()
    read: dict[str, Sequence[Entry]] = {}
    for layer in image.manifest.layers:
        entries = layers[layer.digest][1] or read.get(layer.digest)
        if entries is None:
            entries = read[layer.digest] = read_layer(image.source, layer, meter.add)
            remember(layer.digest, entries)
        files.apply(entries)
    return files


def _distributions(files: FileSystem, path: Sequence[str], root: Path) -> list[Mapping[str, Any]]:
    """Write what is kept of each folder on a path below `root`, and ask the probe what it finds there."""
    places = {}
    for number, entry in enumerate(path):
        # By the end of its name an egg is known; the rest might be more than this machine can hold.
        place = root / f"{number}{'.egg' if entry.endswith('.egg') else ''}"
        _write(files, entry, place)
        places[str(place)] = entry
    found: list[dict[str, Any]] = probe.distributions(list(places), whole=True)
    for distribution in found:
        if "folder" not in distribution:
            continue
        place, distribution["folder"] = distribution["folder"], places[distribution["folder"]]
        if distribution["file"] == PurePath(place).name:  # it is named for the folder itself
            distribution["file"] = PurePosixPath(distribution["folder"]).name
    return list(found)


def _conda_records(files: FileSystem, prefix: str, root: Path) -> Path:
    """Write what conda notes of an environment below `root`, and return the folder that stands for its prefix."""
    folder = root / "conda" / "conda-meta"
    folder.mkdir(parents=True)
    for name in files.names(f"{prefix}/conda-meta"):
        with suppress(OSError, ValueError):
            _write_file(folder / name, files.read(f"{prefix}/conda-meta/{name}"))
    return folder.parent


def _write(files: FileSystem, entry: str, place: Path) -> None:
    """Write the metadata of the packages in a folder of the image, and nothing else."""
    found = files.find(entry)
    if isinstance(found, File):
        place.touch()
    if not isinstance(found, Folder):
        return
    place.mkdir()
    for name in found.children:
        info = f"{entry}/{name}"
        if not name.endswith((".dist-info", ".egg-info", ".egg-link")) and name != "EGG-INFO":
            continue
        with suppress(OSError, ValueError):  # a name that this machine cannot hold is that of no package
            if files.is_folder(info):
                (place / name).mkdir()
                for part in files.names(info):
                    _write_file(place / name / part, files.read(f"{info}/{part}"))
            else:
                _write_file(place / name, files.read(info))


def _write_file(place: Path, content: bytes | None) -> None:
    if content is not None:
        place.write_bytes(content)
