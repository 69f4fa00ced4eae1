"""The commands' answers: the same facts as text for people and as JSON for scripts."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from modelreg.cli.output import count_text, minute, print_json, print_raw, print_table, say, size_text
from modelreg.version import Model, State, Version

if TYPE_CHECKING:
    from pathlib import Path

    from modelreg.environment.capture import Capture
    from modelreg.export import Exported
    from modelreg.registry import Registry
    from modelreg.registry.register import Registered


def registered_text(registered: "Registered", captured: "Capture") -> Iterator[str]:
    """Say what was registered, and what a person should know about it."""
    from modelreg.environment.obstacles import obstacles

    version, artifact = registered.version, registered.version.artifact
    yield from damage_warnings(registered)
    if not registered.created:
        yield f"{version} has these bytes and this environment already."
        return
    what = f"{count_text(artifact.files, 'file')}, {size_text(artifact.size)}"
    moved = "" if registered.uploaded else " (the bytes were there already)"
    packages = count_text(version.environment.packages, "package")
    yield f"Registered {version}: {artifact.format or artifact.layout}, {what}{moved};"
    yield f"  {packages} and Python {version.environment.python} from {captured.prefix}"
    if registered.losses:
        yield f"warning: not kept: {', '.join(registered.losses)}"
    yield from _import_warnings(version)
    for remark in version.capture.remarks:
        yield f"warning: {remark}"
    for obstacle in obstacles(captured.environment, version.source):
        yield f"warning: {obstacle}"


def damage_warnings(registered: "Registered") -> Iterator[str]:
    """Say which other versions with the same bytes cannot be pulled any more."""
    version = registered.version
    for reference, fault in registered.damaged.items():
        yield (
            f"warning: the files of {reference} in the registry are damaged: {fault}; {version} does not use them. Use "
            f"{version}, which has the same bytes, instead, and delete {reference}"
        )


_SHOWN = 5
"""How many modules a warning names."""


def _import_warnings(version: Version) -> Iterator[str]:
    imports = version.record.imports
    if imports is None:
        return
    for name in imports.names.get("__main__", ()):
        yield (
            f"warning: the model needs {name} of the script or notebook that made it (__main__.{name}), "
            "so it will not load elsewhere; move it into a module that is installed"
        )
    missing = [module for module in imports.missing or () if module != "__main__"]
    if missing:
        # Imported here: most models import what packages provide.
        from modelreg.environment.finding import few

        yield (
            f"warning: the model imports {few(missing, _SHOWN)}, which no package of the environment provides, so it "
            "will not load elsewhere; put that into a package, install it, and register again"
        )
    if not imports.complete:
        yield "warning: the pickle could not be read to its end, so not all that it imports is known"


def registered_json(registered: "Registered") -> dict[str, object]:
    """Return the answer of `register`."""
    return {
        **version_json(registered.version),
        "new": registered.created,
        "uploaded": registered.uploaded,
        "damaged": dict(registered.damaged),
    }


def exported_json(exported: "Exported", file: "Path | None") -> dict[str, object]:
    """Return the answer of `export`; the text itself where it went into no file."""
    selection = exported.subject.selection
    return {
        "reference": exported.subject.reference,
        "format": exported.form,
        "group": selection.group,
        **({"text": exported.text} if file is None else {"file": str(file)}),
        "packages": [
            {
                "name": pin.name,
                "version": pin.version or None,
                "requirement": pin.requirement,
                "groups": list(pin.groups),
                "declared": pin.declared,
                "files": [archive._asdict() for archive in exported.archives.of(pin)],
            }
            for pin in selection.pins
        ],
        "missing": dict(exported.missing),
        "left_out": list(selection.tooling),
        "notes": list(exported.notes),
    }


def print_models(registry: "Registry", models: Sequence[Model], form: str) -> None:
    """Print the models of a registry."""
    if form == "json":
        print_json({"registry": registry.url, "models": [_model_json(model) for model in models]})
    elif form == "quiet":
        for model in models:
            print_raw(model.name)
    elif not models:
        say(f"There are no models in {registry.url} yet. Register one: modelreg register model.pkl fraud")
    else:
        columns = ("MODEL", "LATEST", "VERSIONS", "ALIASES", "CREATED (UTC)", "SIZE", "FORMAT")
        rows = [_model_row(model) for model in models]
        print_table(columns, rows, right=("LATEST", "VERSIONS", "SIZE"), extra=("VERSIONS", "FORMAT"))


def print_versions(versions: Sequence[Version], form: str) -> None:
    """Print versions of one model."""
    if form == "json":
        print_json({"versions": [version_json(version) for version in versions]})
    elif form == "quiet":
        for version in versions:
            print_raw(version.reference)
    elif not versions:
        say("There is no such version. Deleted ones are listed with --all.")
    else:
        columns = ("VERSION", "ALIASES", "CREATED (UTC)", "SIZE", "FORMAT", "PYTHON", "PACKAGES", "METRICS")
        rows = [_version_row(version) for version in versions]
        print_table(columns, rows, right=("SIZE", "PACKAGES"), extra=("FORMAT", "PACKAGES", "METRICS"))


def version_json(version: Version) -> dict[str, object]:
    """Return a version for scripts."""
    from modelreg.fields import present
    from modelreg.manifest import as_number

    return {
        "reference": version.reference,
        "model": version.model,
        "version": version.number,
        "record": version.digest,
        "aliases": list(version.aliases),
        "created": version.created,
        "created_by": version.created_by,
        "description": version.description,
        "artifact": present(version.artifact),
        "environment": present(version.environment),
        "source": present(version.source) if version.source else None,
        "tags": dict(version.tags),
        "metrics": {name: as_number(value) for name, value in version.metrics.items()},
        "params": dict(version.params),
        "images": {target: present(image) for target, image in version.images.items()},
        "state": version.state,
        "copied_from": present(version.record.copied_from) if version.record.copied_from else None,
    }


def _model_json(model: Model) -> dict[str, object]:
    return {
        "model": model.name,
        "versions": model.versions,
        "aliases": dict(model.aliases),
        "latest": version_json(model.latest),
    }


def _model_row(model: Model) -> tuple[str, ...]:
    latest = model.latest
    return (
        model.name,
        str(latest.number),
        str(model.versions),
        ", ".join(f"{alias}={number}" for alias, number in model.aliases),
        minute(latest.created),
        size_text(latest.artifact.size),
        latest.artifact.format or latest.artifact.layout,
    )


def _version_row(version: Version) -> tuple[str, ...]:
    return (
        version.reference,
        ", ".join(version.aliases) if version.state is State.LIVE else f"({version.state})",
        minute(version.created),
        size_text(version.artifact.size),
        version.artifact.format or version.artifact.layout,
        version.environment.python,
        str(version.environment.packages),
        " ".join(f"{name}={value}" for name, value in version.metrics.items()),
    )
