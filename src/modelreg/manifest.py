"""The manifest: a version joined with its files and its environment, as YAML for people and as values for scripts."""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from modelreg.canonical import MAX_BYTES, decode, encode
from modelreg.digest import digest_of, sha256_of
from modelreg.environment.record import Environment
from modelreg.errors import IntegrityError, UsageError
from modelreg.events import ImageNote, read_images
from modelreg.fields import Fields, present
from modelreg.paths import check_paths
from modelreg.records import File, Group, Imports, Roles, Tree, VersionRecord, check_kind, content_addressed
from modelreg.reference import check_model_name
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
            **_needs(decode(record)),
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
        return f"{text}{_SEAL}{sha256_of(text.encode())}\n"


_JSON = ("artifact", "environment", "images")
_FLAT = ("imports", "roles", "groups")
_WIDTH, _FLAT_WIDTH = 1000, 110  # characters of a line
_SEAL = "\n# The sha256 of all that stands above, by which it is known to be as modelreg wrote it: "
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


_MAX_DEPTH = 100
_SHOWN = 100  # characters of a reason


class PulledManifest(NamedTuple):
    """What a pulled `modelreg.yaml` says: enough to check an environment and a folder without the registry.

    imports, groups, roles: as in the version record; None where it says nothing of them, or is not in the manifest.
    """

    model: str
    number: int
    record: str
    created: str
    files: tuple[File, ...]
    environment: Environment
    images: Mapping[str, ImageNote]
    imports: Imports | None = None
    groups: Mapping[str, Group] | None = None
    roles: Roles | None = None

    @property
    def reference(self) -> str:
        """The reference by number: `fraud:3`."""
        return f"{self.model}:{self.number}"

    @classmethod
    def from_yaml(cls, text: str) -> "PulledManifest":
        """Read a `modelreg.yaml`.

        Raises:
            IntegrityError: it is none, is damaged, or what verify-env goes by was edited.
        """
        return cls._sealed(text) or cls._checked(text)

    @classmethod
    def _sealed(cls, text: str) -> "PulledManifest | None":
        """Read a manifest that is exactly as it was written; None: it is not, or is one of an older modelreg.

        It needs no YAML, which takes longer to import alone than everything else here.
        """
        written, seal, sha256 = text.rpartition(_SEAL)
        if not seal or len(text) > MAX_BYTES or sha256 != f"{sha256_of(written.encode('utf-8', 'surrogatepass'))}\n":
            return None
        try:
            data = _json_in(_JSON_RECORD, written).encode()
            artifact, environment = (_json_in(pattern, written) for pattern in (_JSON_ARTIFACT, _JSON_ENVIRONMENT))
            images = _json_in(_JSON_IMAGES, written) if _JSON_IMAGES.search(written) else {}
        except (ValueError, RecursionError):
            return None
        told = Fields(decode(data))
        record = VersionRecord.from_bytes(data, told.text("model"), told.integer("version"))
        files = _files(Fields(artifact))
        if digest_of(Tree(files).to_bytes()) != record.artifact.digest:
            raise IntegrityError("is damaged: its files are not those that were registered; pull it again")
        if digest_of(encode(environment)) != record.environment.digest:
            raise IntegrityError("is damaged: its environment is not the one that was registered; pull it again")
        check_kind("environment", environment)
        return cls(
            record.model,
            record.version,
            digest_of(data),
            record.created,
            files,
            Environment.from_mapping(environment),
            read_images(Fields(images)),
            record.imports,
            record.groups,
            record.roles,
        )

    @classmethod
    def _checked(cls, text: str) -> "PulledManifest":
        """Read any manifest, and see that whatever verify-env goes by and people see says the same."""
        fields = Fields(_load(text))
        packages = encode(fields.child("environment").mapping)
        sha256 = fields.digest("environment_digest").removeprefix("sha256:")
        if sha256_of(packages) != sha256:
            raise IntegrityError("was edited: its environment is not the one that was registered; pull it again")
        environment = Environment.from_mapping(content_addressed("environment", packages, sha256))
        shown = (fields.texts("dependencies"), fields.text("python"), fields.text("platform"))
        if shown != (tuple(environment.dependencies), environment.python.version, str(environment.platform)):
            raise IntegrityError("was edited: its dependencies are not those that were registered; pull it again")
        files = _files(fields.child("artifact"))
        try:
            check_model_name(fields.text("model"))
        except UsageError:
            raise fields.damage("model", "is no name of a model") from None
        told = (fields.text("model"), fields.integer("version"), fields.digest("record"), fields.time("created"))
        record = _version_record(fields, files)
        needed = (record.imports, record.groups, record.roles) if record else (None, None, None)
        return cls(*told, files, environment, fields.optional("images", read_images) or {}, *needed)


def _files(artifact: Fields) -> tuple[File, ...]:
    files = tuple(
        File(file.text("path"), file.integer("size"), file.sha256("sha256")) for file in artifact.children("files")
    )
    check_paths(file.path for file in files)
    return files


def _version_record(fields: Fields, files: tuple[File, ...]) -> VersionRecord | None:
    """Return the version record in a manifest, and see that the rest says the same; None where there is none."""
    text = fields.optional_text("version_record")
    if text is None:
        return None
    data = text.encode("utf-8", "surrogatepass")
    if digest_of(data) != fields.digest("record"):
        raise IntegrityError("was edited: its version record is not the one that was registered; pull it again")
    record = VersionRecord.from_bytes(data, fields.text("model"), fields.integer("version"))
    proven = {
        "created": (fields.text("created"), record.created),
        "environment": (fields.digest("environment_digest"), record.environment.digest),
        "artifact": (digest_of(Tree(files).to_bytes()), record.artifact.digest),
        "imports, roles or groups": (encode(_needs(fields.mapping)), encode(_needs(decode(data)))),
    }
    for name, (told, registered) in proven.items():
        if told != registered:
            raise IntegrityError(f"was edited: its {name} is not what was registered; pull it again")
    return record


def _needs(mapping: Mapping[str, object]) -> dict[str, object]:
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


_JSON_ENVIRONMENT = re.compile(r"^environment: (\{\n(?: .*\n)*)", re.MULTILINE)
_JSON_ARTIFACT = re.compile(r"^artifact: (\{\n(?: .*\n)*)", re.MULTILINE)
_JSON_IMAGES = re.compile(r"^images: (\{\n(?: .*\n)*)", re.MULTILINE)
_JSON_RECORD = re.compile(r"\nversion_record: (\".*\")\n")


def _json_in(pattern: re.Pattern[str], text: str) -> Any:  # noqa: ANN401  # whatever JSON holds
    section = pattern.search(text)
    if section is None:
        raise ValueError("no such section")
    return json.loads(section[1])


def _load(text: str) -> dict[str, object]:
    if len(text) > MAX_BYTES:
        raise IntegrityError("is too large to be a manifest")
    section = _JSON_ENVIRONMENT.search(text)
    try:
        record = json.loads(section[1]) if section else None
    except (ValueError, RecursionError):
        section = record = None  # somebody's editor wrote it anew; as YAML it may still be what it was
    value = _load_yaml(text.replace(section[0], "environment: {}\n", 1) if section else text)
    if not isinstance(value, dict) or "environment" not in value:
        raise IntegrityError("is no manifest of modelreg")
    return value if record is None else {**value, "environment": record}


def _load_yaml(text: str) -> object:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_plain(yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)  # noqa: S506  # both loaders are safe ones
    except (yaml.YAMLError, ValueError, LookupError, RecursionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise IntegrityError(f"is not valid YAML: {reason[:_SHOWN]!r}") from None


def _check_plain(events: Iterable[Any]) -> None:
    """Refuse what no manifest holds and a few lines of YAML do harm with.

    Anchors can stand for terabytes, tags for any value, and nesting that is deep enough ends the process.
    """
    depth = 0
    for event in events:
        if getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
            raise IntegrityError("is no manifest of modelreg: it holds an anchor or a tag")
        name = type(event).__name__
        depth += name.endswith("StartEvent") - name.endswith("EndEvent")
        if depth > _MAX_DEPTH:
            raise IntegrityError("is no manifest of modelreg: it is nested too deep")


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
