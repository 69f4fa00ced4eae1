"""CycloneDX 1.6: the model and every package of its environment, as a bill of materials."""

import json
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from modelreg import __version__
from modelreg.environment.closure import Edges
from modelreg.environment.record import CondaPackage
from modelreg.environment.selection import Selected
from modelreg.export.archives import Archives
from modelreg.export.subject import Subject
from modelreg.records import File


def cyclonedx(subject: Subject, archives: Archives) -> str:
    """Return the bill as JSON. It is the same each time: its serial number is made of the version record's digest.

    Digests of archives are given only where the installer recorded them; the record digest is a property.
    """
    model = f"{subject.model}@{subject.number}"
    pins = subject.selection.pins
    refs = {pin.name: _ref(pin) for pin in pins}
    edges = Edges(subject.environment)
    graph = [
        {"ref": refs[pin.name], "dependsOn": sorted(refs[name] for name in edges.direct(pin.name) if name in refs)}
        for pin in pins
    ]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{subject.record} {subject.selection.group}')}",
        "version": 1,
        "metadata": {
            "timestamp": subject.created,
            "tools": {"components": [{"type": "application", "name": "modelreg", "version": __version__}]},
            "component": _model(subject, model),
            "properties": [{"name": f"modelreg:{name}", "value": value} for name, value in _facts(subject).items()],
        },
        "components": [
            *map(_file, subject.files),
            *(_library(pin, archives) for pin in pins),
            *map(_of_conda, subject.environment.conda),
        ],
        "dependencies": [{"ref": model, "dependsOn": sorted(refs.values())}, *graph],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def purl(pin: Selected) -> str:
    """Return the package URL of a pin: `pkg:pypi/scikit-learn@1.5.2`; `pkg:generic` is what no index has."""
    origin = pin.origin
    kind = {"conda": "conda", "distribution": "generic"}.get(origin.kind, "pypi") if origin is not None else "pypi"
    kind = kind if pin.requirement is not None else "generic"
    base = f"pkg:{kind}/{pin.name}" + (f"@{quote(pin.version, safe='.-_~')}" if pin.version else "")
    if origin is None or origin.url is None or kind != "pypi":
        return base
    if origin.kind == "vcs":
        return f"{base}?vcs_url={quote(f'{origin.vcs}+{origin.url}@{origin.commit}', safe='/:')}"
    return f"{base}?download_url={quote(origin.url, safe='/:')}"


def _model(subject: Subject, ref: str) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": ref,
        "name": subject.model,
        "version": str(subject.number),
    }
    if subject.description:
        component["description"] = subject.description
    if len(subject.files) == 1:
        component["hashes"] = [{"alg": "SHA-256", "content": subject.files[0].sha256}]
    component["properties"] = [{"name": "modelreg:record", "value": subject.record}]
    component["properties"] += [{"name": "modelreg:format", "value": subject.format}] if subject.format else []
    return component


def _file(file: File) -> dict[str, Any]:
    return {
        "type": "file",
        "bom-ref": f"file:{file.path}",
        "name": file.path,
        "hashes": [{"alg": "SHA-256", "content": file.sha256}],
        "properties": [{"name": "modelreg:size", "value": str(file.size)}],
    }


def _of_conda(package: CondaPackage) -> dict[str, Any]:
    url = f"pkg:conda/{package.name}@{quote(package.version, safe='.-_~')}?build={quote(package.build, safe='.-_~')}"
    url += f"&channel={quote(package.channel, safe='.-_~')}" if package.channel else ""
    component = {"type": "library", "bom-ref": url, "name": package.name, "version": package.version, "purl": url}
    return component | ({"hashes": [{"alg": "SHA-256", "content": package.sha256}]} if package.sha256 else {})


def _library(pin: Selected, archives: Archives) -> dict[str, Any]:
    component: dict[str, Any] = {"type": "library", "bom-ref": _ref(pin), "name": pin.name, "purl": purl(pin)}
    if pin.version:
        component["version"] = pin.version
    files = archives.of(pin)
    if files:
        component["hashes"] = [{"alg": "SHA-256", "content": files[0].sha256}]
    facts = {
        "groups": " ".join(pin.groups),
        "record": pin.package.record,
        "origin": pin.origin.kind if pin.origin is not None else None,
        "declared": "true" if pin.declared else None,
        "evidence": files[0].evidence if files else None,
    }
    properties = [{"name": f"modelreg:{name}", "value": value} for name, value in facts.items() if value]
    return component | ({"properties": properties} if properties else {})


def _ref(pin: Selected) -> str:
    return f"{pin.name}@{pin.version or 'declared'}"


def _facts(subject: Subject) -> dict[str, str]:
    environment = subject.environment
    facts = {
        "python": environment.python.version,
        "implementation": environment.python.implementation,
        "platform": str(environment.platform),
        "environment": environment.digest,
    }
    return facts | ({"group": subject.selection.group} if subject.selection.group else {})
