"""pylock.toml (PEP 751): one file for every group, which pip and uv install from with the digests checked."""

from collections.abc import Mapping
from typing import Any

from modelreg.environment.closure import Edges
from modelreg.environment.record import Environment
from modelreg.environment.selection import BASE, Selected
from modelreg.export.archives import Archive, Archives
from modelreg.export.subject import Subject

REST = "incidental"
"""The dependency group of the packages that no group of the model needs."""

_SYSTEMS = {"windows": "win32"}


def pylock(subject: Subject, archives: Archives) -> str:
    """Return the lock. Without a group of its own it has all of them: `base` without a marker, the others with theirs.

    Each package's `tool.modelreg` says by what evidence its files are known.
    """
    import tomli_w

    selection = subject.selection
    marked = selection.group is None and bool(selection.groups)
    edges = Edges(subject.environment)
    pins = [pin for pin in selection.pins if pin.requirement is not None]
    locked = {pin.name for pin in pins}
    document: dict[str, Any] = {
        "lock-version": "1.0",
        "created-by": "modelreg",
        # A lock for one minor version: its wheels fit no other. A patch level more is the same to them.
        "requires-python": f"=={subject.environment.python.minor}.*",
        "environments": [_environment(subject.environment)],
    }
    if marked:
        rest = [REST] if any(not pin.groups for pin in pins) else []
        document["dependency-groups"] = [group for group in selection.groups if group != BASE] + rest
    document["packages"] = [_package(pin, archives.of(pin), edges, locked, marked=marked) for pin in pins]
    document["tool"] = {"modelreg": _tool(subject, archives)}
    heading = "".join(f"# {line}\n" for line in subject.heading)
    return f"{heading}\n{tomli_w.dumps(document)}"


def _package(
    pin: Selected, archives: tuple[Archive, ...], edges: Edges, locked: set[str], *, marked: bool
) -> dict[str, Any]:
    package: dict[str, Any] = {"name": pin.name}
    if pin.version:
        package["version"] = pin.version
    marker = _marker(pin) if marked else None
    if marker is not None:
        package["marker"] = marker
    # In every group there is what the other needs, as all of it was installed together.
    dependencies = [{"name": name} for name in edges.direct(pin.name) if name in locked]
    if dependencies:
        package["dependencies"] = dependencies
    package |= _source(pin, archives)
    tool: dict[str, Any] = {"declared": True} if pin.declared else {}
    if archives:
        tool["evidence"] = archives[0].evidence
    if pin.package.record is not None:
        tool["record"] = pin.package.record
    if tool:
        package["tool"] = {"modelreg": tool}
    return package


def _source(pin: Selected, archives: tuple[Archive, ...]) -> dict[str, Any]:
    origin = pin.origin
    if origin is not None and origin.kind == "vcs":
        vcs = {
            "type": origin.vcs,
            "url": origin.url,
            "requested-revision": origin.requested_revision,
            "commit-id": origin.commit,
            "subdirectory": origin.subdirectory,
        }
        return {"vcs": {name: value for name, value in vcs.items() if value}}
    if origin is not None and origin.kind == "archive" and archives:
        archive = _file(archives[0])
        return {"archive": {**archive, "subdirectory": origin.subdirectory} if origin.subdirectory else archive}
    source: dict[str, Any] = {}
    for one in archives:
        if one.is_wheel:
            source.setdefault("wheels", []).append(_file(one))
        else:
            source["sdist"] = _file(one)
    return source


def _file(archive: Archive) -> dict[str, Any]:
    size = {} if archive.size is None else {"size": archive.size}
    return {"url": archive.url, **size, "hashes": {"sha256": archive.sha256}}


def _marker(pin: Selected) -> str | None:
    if BASE in pin.groups:
        return None
    return " or ".join(f"'{group}' in dependency_groups" for group in pin.groups or (REST,))


def _environment(environment: Environment) -> str:
    python, platform = environment.python, environment.platform
    machine = platform.machine.upper() if platform.system == "windows" else platform.machine
    facts: Mapping[str, str] = {
        "implementation_name": python.implementation,
        "sys_platform": _SYSTEMS.get(platform.system, platform.system),
        "platform_machine": machine,
    }
    return " and ".join(f"{name} == '{value}'" for name, value in facts.items())


def _tool(subject: Subject, archives: Archives) -> dict[str, Any]:
    tool = {
        "reference": subject.reference,
        "record": subject.record,
        "environment": subject.environment.digest,
        "python": subject.environment.python.version,
        "platform": str(subject.environment.platform),
    }
    return tool | (
        {"index": f"the URLs are those of the index that {archives.source} was set up with"} if archives.source else {}
    )
