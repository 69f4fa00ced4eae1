"""What `verify-env` is to check: references, pulled manifests, or what the project names."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from modelreg.cli.output import say_seen
from modelreg.environment.capture import capture, find_interpreter
from modelreg.errors import UsageError
from modelreg.paths import MANIFEST
from modelreg.registry import Registry
from modelreg.settings import project_models

if TYPE_CHECKING:
    from modelreg.environment.capture import Capture
    from modelreg.registry.verify import EnvironmentReport


def reports(references: list[str], python: str | None, registry: str | None) -> "list[EnvironmentReport]":
    """Check each model that is named, or else found, against one environment.

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
    captured = capture(find_interpreter(python), in_process=True)
    return [
        verify_pulled(read_pulled(Path(reference)), captured)
        if _is_path(reference)
        else _verified(reference, registry, captured)
        for reference in wanted
    ]


def _verified(reference: str, registry: str | None, captured: "Capture") -> "EnvironmentReport":
    opened = Registry.open(registry)
    report = opened.verify_env(reference, environment=captured)
    say_seen(opened.last_seen, reference)
    return report


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
