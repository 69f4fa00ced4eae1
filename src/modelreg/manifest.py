"""The manifest: a version joined with its files and its environment, as YAML for people and as values for scripts.

`modelreg.pulled` reads what is written here.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from modelreg.canonical import decode
from modelreg.digest import sha256_of
from modelreg.environment.record import Environment
from modelreg.fields import present
from modelreg.records import Tree
from modelreg.version import Version


class Manifest(NamedTuple):
    """All that is known of a version.

    environment_record: as stored, unknown fields included. version_record: its bytes as stored; without them, those
    that this modelreg writes, which are the same unless another one added fields.
    """

    version: Version
    tree: Tree
    environment: Environment
    environment_record: Mapping[str, object]
    version_record: bytes = b""

    def to_mapping(self) -> dict[str, object]:
        """Return it with numbers as numbers, for JSON and YAML."""
        version, environment = self.version, self.environment
        record = self.version_record or version.record.to_bytes()
        artifact = present(version.artifact) | {"files": [present(file) for file in self.tree.files]}
        mapping: dict[str, object] = {
            "model": version.model,
            "version": version.number,
            "record": version.digest,
            "created": version.created,
            "created_by": version.created_by,
            "description": version.description,
            "tags": dict(version.tags),
            "metrics": {name: as_number(value) for name, value in version.metrics.items()},
            "params": dict(version.params),
            "source": present(version.source) if version.source else {},
            "copied_from": present(version.record.copied_from) if version.record.copied_from else {},
            "capture": present(version.capture),
            **needs_told(decode(record)),
            "artifact": artifact,
            "python": environment.python.version,
            "platform": str(environment.platform),
            "dependencies": environment.dependencies,
        }
        if environment.unavailable:
            mapping["unavailable"] = [f"{package.name}=={package.version}" for package in environment.unavailable]
        if version.images:
            mapping["images"] = {target: present(image) for target, image in version.images.items()}
        return mapping | {
            "environment_digest": version.environment.digest,
            "environment": dict(self.environment_record),
            "version_record": record.decode(),
        }

    def to_text(self) -> str:
        """Return what people read of `modelreg.yaml`, without what it repeats for verify-env."""
        return self.to_yaml().partition(_EXPLAINED["environment_digest"])[0]

    def to_yaml(self) -> str:
        """Return `modelreg.yaml`."""
        version = self.version
        head = (
            f"# {version.reference}, registered {version.created} by {_one_line(version.created_by)}.\n"
            "# Written by modelreg; verify-env notices when what it goes by is edited.\n"
        )
        sections = (
            _section(name, value)
            for name, value in self.to_mapping().items()
            if value not in ("", {}, [], None) or name == "dependencies"
        )
        text = head + "".join(_EXPLAINED.get(section.split(":", 1)[0], "") + section for section in sections)
        return f"{text}{SEAL}{sha256_of(text.encode())}\n"


_JSON = ("artifact", "environment", "images")
_FLAT = ("imports", "roles", "groups")
_WIDTH, _FLAT_WIDTH = 1000, 110  # characters of a line
SEAL = "\n# The sha256 of all that stands above, by which it is known to be as modelreg wrote it: "
_EXPLAINED = {
    "imports": "\n# What the files import when they are loaded, and who provides it.\n",
    "roles": "\n# What the packages are to the model; those that are not named here are incidental.\n",
    "groups": "\n# What is needed for what; base is needed for everything.\n",
    "artifact": "\n# The files.\n",
    "dependencies": "\n# What to install, exactly; pip takes each line.\n",
    "unavailable": "\n# Installed from a folder or a file of another machine; pip has no way to get it.\n",
    "images": "\n# Images that hold this environment, when this was written.\n",
    "environment_digest": "\n# The same for verify-env, with the digest that proves it whole.\n",
    "version_record": "\n# What the registry holds of this version, as it stands there; record is its sha256.\n",
}


def needs_told(mapping: Mapping[str, object]) -> dict[str, object]:
    """Return what a version record, or a manifest, says of what the model needs, unknown fields included."""
    return {name: mapping[name] for name in ("imports", "roles", "groups") if name in mapping}


def as_number(decimal: str) -> int | float:
    """Return a metric as a number; what a double cannot hold is rounded."""
    number = Decimal(decimal)
    return (
        int(number)
        if number == number.to_integral_value() and "." not in decimal and "e" not in decimal.lower()
        else float(number)
    )


def _section(name: str, value: object) -> str:
    if name in _JSON and isinstance(value, dict):
        return _json_section(name, value)
    return f"{name}: {_as_json(value)}\n" if name == "version_record" else _dump(name, value)


def _dump(name: str, value: object) -> str:
    import yaml

    flat = name in _FLAT

    def dump(*, allow_unicode: bool) -> str:
        dumped: str = yaml.dump(
            {name: value},
            Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
            sort_keys=False,
            allow_unicode=allow_unicode,
            width=_FLAT_WIDTH if flat else _WIDTH,
            default_flow_style=None if flat else False,
        )
        return dumped

    text = dump(allow_unicode=True)
    # YAML lets pass what turns around the text that a terminal shows; escaped, everybody sees it.
    return text if text.replace("\n", "").isprintable() else dump(allow_unicode=False)


def _json_section(name: str, record: Mapping[str, object]) -> str:
    """Write a record as JSON, which YAML takes, and which is read and written many times as quickly as YAML."""
    fields = []
    for field, value in sorted(record.items()):
        shown = _as_json(value)
        if isinstance(value, list) and value:
            shown = "[\n    " + ",\n    ".join(map(_as_json, value)) + "]"
        fields.append(f'  "{field}": {shown}')
    return f"{name}: {{\n" + ",\n".join(fields) + "}\n"


def _as_json(value: object) -> str:
    """Return JSON in one line in which everything that YAML would refuse, or a terminal obey, is escaped."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one > "\uffff" else f"\\u{ord(one):04x}" for one in text)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
