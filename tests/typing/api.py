"""The public API as a type checker sees it. mypy reads this file; it is never run."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import assert_type

import modelreg
from modelreg import (
    Attached,
    Capture,
    Comparison,
    ConflictError,
    Environment,
    EnvironmentReport,
    Exported,
    Finding,
    ImageNote,
    IntegrityError,
    Interpreter,
    Manifest,
    Model,
    ModelregError,
    NotFoundError,
    Order,
    Package,
    Platform,
    Progress,
    Pulled,
    Python,
    Rebuilt,
    Reference,
    Registered,
    Registry,
    Severity,
    UnsafePathError,
    Version,
    capture,
    capture_image,
    find_interpreter,
    open_image,
)

assert_type(modelreg.__version__, str)


def report(progress: Progress) -> None:
    assert_type(progress.stage, str)
    assert_type(progress.done, int)
    assert_type(progress.total, int)


def note(error: IntegrityError) -> None:
    assert_type(error.exit_code, int)


registry = Registry.open()
assert_type(registry, Registry)
assert_type(Registry.open("folder"), Registry)
assert_type(registry.url, str)

registered = registry.register(
    Path("model.pkl"),
    "fraud",
    python="serving/.venv",
    tags={"team": "risk"},
    params={"depth": "7"},
    metrics={"auc": 0.93, "rows": 1000, "f1": "0.5", "loss": Decimal("0.1")},
    description="first",
    groups={"serve": ["requirements.txt"]},
    if_changed=True,
    progress=report,
)
assert_type(registered, Registered)
assert_type(registered.version, Version)
assert_type(registered.created, bool)
assert_type(registered.uploaded, bool)
assert_type(registered.losses, tuple[str, ...])

version = registered.version
assert_type(version.reference, str)
assert_type(version.number, int)
assert_type(version.digest, str)
assert_type(version.aliases, tuple[str, ...])
assert_type(version.tags, Mapping[str, str])
assert_type(version.artifact.size, int)
assert_type(version.artifact.format, str | None)
assert_type(version.environment.packages, int)

assert_type(registry.models(), tuple[Model, ...])
assert_type(registry.models(note), tuple[Model, ...])
assert_type(registry.versions("fraud"), tuple[Version, ...])
assert_type(registry.numbers("fraud"), tuple[int, ...])
assert_type(registry.resolve("fraud:3"), Version)
assert_type(registry.resolve(Reference.parse("fraud@production")), Version)

pulled = registry.pull("fraud:3", "serving/model", force=True, progress=report)
assert_type(pulled, Pulled)
assert_type(pulled.folder, Path)
assert_type(pulled.changed, bool)
assert_type(registry.pull(version), Pulled)

manifest = registry.show("fraud")
assert_type(manifest, Manifest)
assert_type(manifest.to_yaml(), str)
assert_type(manifest.to_mapping(), dict[str, object])
assert_type(manifest.environment, Environment)
assert_type(manifest.environment.dependencies, list[str])

interpreter = find_interpreter("serving/.venv")
assert_type(interpreter, Interpreter)
captured = capture(interpreter)
assert_type(captured, Capture)
assert_type(captured.environment.python, Python)
assert_type(captured.environment.platform, Platform)
assert_type(captured.environment.packages, tuple[Package, ...])

checked = registry.verify_env("fraud:3", environment=captured)
assert_type(checked, EnvironmentReport)
assert_type(checked.fits, bool)
assert_type(checked.findings, tuple[Finding, ...])
assert_type(checked.comparison, Comparison)
assert_type(checked.findings[0].severity, Severity)
assert_type(str(checked.findings[0]), str)

try:
    registry.pull("fraud:9")
except NotFoundError as error:
    assert_type(error, NotFoundError)
except UnsafePathError as error:
    root: IntegrityError = error
except ConflictError as error:
    base: ModelregError = error

# What must not pass: each line is an error for the checker, and an unused ignore is one, too.
registry.register("model.pkl", metrics={"auc": None})  # type: ignore[dict-item]
registry.pull(3)  # type: ignore[arg-type]
version.digest = "sha256:0"  # type: ignore[misc]
order = Order(
    "serve", "registry.example/team/fraud:3", push=True, engine="buildah", secrets={"pip.conf": Path("pip.conf")}
)
assert_type(registry.build_image("fraud:3", order, tell=print, progress=report), ImageNote)
assert_type(registry.dockerfile("fraud:3", base="registry.example/python:3.11", folder="context"), str)
attached = registry.attach_image("fraud:3", "registry.example/team/fraud:3", target="serve", check=False)
assert_type(attached, Attached)
assert_type(attached.image.reference, str)
assert_type(registry.detach_image("fraud:3", target="serve"), ImageNote)
assert_type(version.images, Mapping[str, ImageNote])
assert_type(capture_image(open_image("registry.example/team/fraud:3", "linux/arm64")), Capture)
exported = registry.export("fraud:3", "pylock", group="serve", allow_missing=True, prove=True, installer="uv")
assert_type(exported, Exported)
assert_type(exported.text, str)
assert_type(exported.missing, Mapping[str, str])

rebuilt = registry.create_env("fraud:3", Path("serving/.venv"), group="serve", python="python3.11", tell=print)
assert_type(rebuilt, Rebuilt)
assert_type(rebuilt.python, Path)
assert_type(rebuilt.comparison, Comparison)

registry.verify_env("fraud").fits = True  # type: ignore[misc]
