"""What `verify-env` is to check: references, pulled manifests, or what the project names."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelreg.environment.capture import Capture, capture, find_interpreter
from modelreg.errors import UsageError
from modelreg.paths import MANIFEST
from modelreg.progress import ProgressCallback
from modelreg.registry import Registry
from modelreg.settings import project_models

if TYPE_CHECKING:
    from modelreg.events import ImageNote
    from modelreg.registry.verify import EnvironmentReport


RECORDED = "recorded"
"""What stands for the image that a version names itself."""


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """Which image is to be checked: its name, or `recorded`. target: for what, where several are recorded."""

    name: str
    platform: str | None = None
    target: str | None = None
    progress: ProgressCallback | None = None


def reports(
    references: list[str], python: str | None, registry: str | None, image: ImageChoice | None = None
) -> "list[EnvironmentReport]":
    """Check each model that is named, or else found, against one environment, or against images.

    Raises:
        UsageError: there is nothing to check.
    """
    from modelreg.registry.verify import read_pulled, verify_pulled

    wanted = references or _of_the_project() or [str(path) for path in _pulled_below(Path())]
    if not wanted:
        raise UsageError(
            "nothing to check: name a version (modelreg verify-env fraud:3), list models under [tool.modelreg.models] "
            f"in pyproject.toml, or run it where a {MANIFEST} was pulled"
        )
    if image is None:
        captured = capture(find_interpreter(python), in_process=True)
    elif image.name != RECORDED:
        captured = _of_image(image, python)
    found = []
    for reference in wanted:
        if _is_path(reference):
            pulled = read_pulled(Path(reference))
            if image is not None and image.name == RECORDED:
                captured = _of_recorded(pulled.images, pulled.reference, image, python)
            found.append(verify_pulled(pulled, captured))
            continue
        opened = Registry.open(registry)
        version = opened.resolve(reference)
        if image is not None and image.name == RECORDED:
            captured = _of_recorded(version.images, version.reference, image, python)
        found.append(opened.verify_env(version, environment=captured))
    return found


def _of_image(image: ImageChoice, python: str | None) -> Capture:
    from modelreg.image.capture import capture_image
    from modelreg.image.opening import open_image

    return capture_image(open_image(image.name, image.platform), python, image.progress)


def _of_recorded(images: "Mapping[str, ImageNote]", reference: str, image: ImageChoice, python: str | None) -> Capture:
    from modelreg.registry.image import capture_recorded, recorded_image

    note = recorded_image(images, image.target, reference)
    return capture_recorded(replace(note, platform=image.platform or note.platform), python, image.progress)


def _of_the_project() -> list[str]:
    models = project_models()
    return [f"{model}{'' if version[:1] in ('@', ':') else ':'}{version}" for model, version in models.items()]


def _pulled_below(folder: Path) -> Iterator[Path]:
    """Yield every pulled manifest below a folder; hidden folders and environments are passed over."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != "." and not Path(here, name, "pyvenv.cfg").exists())
        if MANIFEST in files:
            yield Path(here, MANIFEST)


def _is_path(reference: str) -> bool:
    return "/" in reference or os.sep in reference or reference.endswith((".yaml", ".yml")) or reference in (".", "..")
