"""A pulled `modelreg.yaml`, read again: enough to check an environment and a folder without the registry."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from modelreg.canonical import MAX_BYTES, decode, encode
from modelreg.digest import digest_of, sha256_of
from modelreg.environment.record import Environment
from modelreg.errors import IntegrityError, UsageError
from modelreg.events import ImageNote, read_images
from modelreg.fields import Fields
from modelreg.manifest import SEAL, needs_told
from modelreg.records import (
    File,
    Group,
    Imports,
    Roles,
    Tree,
    VersionRecord,
    check_kind,
    content_addressed,
    read_files,
)
from modelreg.reference import check_model_name

_MAX_DEPTH = 100
_SHOWN = 100  # characters of a reason
_JSON_ENVIRONMENT = re.compile(r"^environment: (\{\n(?: .*\n)*)", re.MULTILINE)
_JSON_ARTIFACT = re.compile(r"^artifact: (\{\n(?: .*\n)*)", re.MULTILINE)
_JSON_IMAGES = re.compile(r"^images: (\{\n(?: .*\n)*)", re.MULTILINE)
_JSON_RECORD = re.compile(r"\nversion_record: (\".*\")\n")


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
    cpu: tuple[str, ...] | None = None

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
        written, seal, sha256 = text.rpartition(SEAL)
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
        files = read_files(Fields(artifact))
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
            record.capture.cpu,
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
        files = read_files(fields.child("artifact"))
        try:
            check_model_name(fields.text("model"))
        except UsageError:
            raise fields.damage("model", "is no name of a model") from None
        told = (fields.text("model"), fields.integer("version"), fields.digest("record"), fields.time("created"))
        record = _version_record(fields, files)
        needed = (record.imports, record.groups, record.roles, record.capture.cpu) if record else ()
        return cls(*told, files, environment, fields.optional("images", read_images) or {}, *needed)


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
        "imports, roles or groups": (encode(needs_told(fields.mapping)), encode(needs_told(decode(data)))),
    }
    for name, (told, registered) in proven.items():
        if told != registered:
            raise IntegrityError(f"was edited: its {name} is not what was registered; pull it again")
    return record


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
