"""The records of docs/format.md as values: canonical bytes in, frozen values out, and back.

Damage of any kind (edited, truncated, another record's place) raises IntegrityError.
"""

import math
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from modelreg.canonical import decode, encode
from modelreg.digest import sha256_of
from modelreg.errors import IntegrityError, UsageError
from modelreg.fields import Fields, present
from modelreg.paths import check_paths

if TYPE_CHECKING:
    from decimal import Decimal

FORMAT = 1

_MAX_METRIC = 100  # characters
_METRIC = r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?"
_SHORT = ((r"^([+-]?)\.(?=\d)", r"\g<1>0."), (r"(?<=\d)\.(?=e|$)", ""))  # .93, 5.


def new_op() -> str:
    """Return 128 random bits that name one operation of one writer."""
    return os.urandom(16).hex()


def seal(kind: str, op: str, created: str, created_by: str, body: Mapping[str, object]) -> bytes:
    """Return the bytes of a record that is not content-addressed, with its `check`."""
    record = {"format": FORMAT, "kind": kind, "op": op, "created": created, "created_by": created_by, **body}
    return encode({**record, "check": sha256_of(encode(record))})


def unseal(kind: str, data: bytes, **place: str | int) -> Fields:
    """Read the bytes of a record that is not content-addressed; verify its `check`, and that it is of its place.

    place: the fields that its key tells, the most telling last: `model="fraud", version=3`.
    """
    record = _decode(kind, data)
    check = record.pop("check", None)
    # What was sealed is what is here without the check. Where that is plain to see, it need not be encoded again.
    member = f'"check":"{check}",'.encode()
    sealed = data.replace(member, b"") if data.count(member) == 1 else encode(record)
    if check != sha256_of(sealed):
        raise IntegrityError("was edited or is damaged: its check does not agree")
    fields = Fields(record)
    found = [fields.integer(name) if isinstance(here, int) else fields.text(name) for name, here in place.items()]
    if found != list(place.values()):
        raise IntegrityError(f"is damaged: it is another {[*place][-1]}'s record")
    return fields


def content_addressed(kind: str, data: bytes, sha256: str) -> Mapping[str, object]:
    """Read the bytes of a tree or an environment, and verify that they are those their key names."""
    return _decode(kind, verified(data, sha256))


def verified(data: bytes, sha256: str) -> bytes:
    """Return the bytes of a record that another one refers to by their digest.

    Raises:
        IntegrityError: they are others.
    """
    if sha256_of(data) != sha256:
        raise IntegrityError("was edited or is damaged: its digest does not agree")
    return data


def _decode(kind: str, data: bytes) -> dict[str, object]:
    record = decode(data)
    check_kind(kind, record)
    return record


def check_kind(kind: str, record: Mapping[str, object]) -> None:
    """See that a record is of a format that is known, and of this kind.

    Raises:
        IntegrityError: it is not.
    """
    number = record.get("format")
    if isinstance(number, int) and number > FORMAT:
        raise IntegrityError(f"has format {number}, which this modelreg does not know; install a newer one")
    if number != FORMAT or isinstance(number, bool):
        raise IntegrityError("is damaged: it has no valid format number")
    if record.get("kind") != kind:
        raise IntegrityError(f"is damaged: it is no {kind} record")


class File(NamedTuple):
    """One file of an artifact: `path` relative with `/`, `size` in bytes, `sha256` in hexadecimal."""

    path: str
    size: int
    sha256: str


class Tree(NamedTuple):
    """What files an artifact is made of, sorted by path."""

    files: tuple[File, ...]

    def to_bytes(self) -> bytes:
        """Return the tree record."""
        return encode({"format": FORMAT, "kind": "tree", "files": [present(file) for file in self.files]})

    @classmethod
    def from_bytes(cls, data: bytes, sha256: str) -> "Tree":
        """Read a tree record whose key holds `sha256`; its paths are checked again."""
        fields = Fields(content_addressed("tree", data, sha256))
        files = read_files(fields)
        if not files or list(files) != sorted(files, key=lambda file: file.path):
            raise IntegrityError("is damaged: its files are missing or out of order")
        return cls(files)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


def read_files(fields: Fields) -> tuple[File, ...]:
    """Return the field `files` of a record or a manifest; the paths are checked again."""
    files = tuple(File(f.text("path"), f.integer("size"), f.sha256("sha256")) for f in fields.children("files"))
    check_paths(file.path for file in files)
    return files


class Artifact(NamedTuple):
    """A version's bytes: which upload holds them, what they add up to, and what they are."""

    upload: str
    digest: str
    size: int
    files: int
    layout: str
    format: str | None


class EnvironmentSummary(NamedTuple):
    """Which environment a version was registered with, and what a list shows of it."""

    digest: str
    python: str
    packages: int


class CaptureNote(NamedTuple):
    """How the environment was read: by which tool, from what kind of environment, and what was odd.

    paths: what added to `sys.path`: `pythonpath`, `user-site`, `system-site`, `pth`; None is unknown.
    cpu: the extensions of the processor by which numerical libraries choose their code; None is unknown.
    """

    tool: str
    interpreter: str
    remarks: tuple[str, ...] = ()
    paths: tuple[str, ...] | None = None
    cpu: tuple[str, ...] | None = None


class Source(NamedTuple):
    """The state of the git work tree a version was registered from."""

    commit: str
    branch: str | None = None
    dirty: bool | None = None
    remote: str | None = None


class Imports(NamedTuple):
    """What the pickles of an artifact import when they are loaded: names by module.

    versions: which versions of packages the files say they were made with, as scikit-learn's estimators do.
    complete: False where a file could not be read to its end; what was found until then is there.
    packages: by module, which package of the environment provides it; modules of Python's own are left out.
    missing: the modules that nothing in the environment provides. Both are None where nobody looked.
    """

    names: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, str]
    complete: bool
    packages: Mapping[str, str] | None = None
    missing: tuple[str, ...] | None = None


class Group(NamedTuple):
    """One of the groups `base`, `train` and `serve` of an environment's packages.

    roots: the requirements (PEP 508) that it was declared with. packages: names of the packages that it alone needs;
    those of `base` are needed by all. declared: exact requirements that it needs and that the environment lacked.
    """

    roots: tuple[str, ...]
    packages: tuple[str, ...]
    declared: tuple[str, ...] = ()


class Roles(NamedTuple):
    """What packages are to the model, by name: whatever is in none of these is incidental.

    load_critical: the closure of what its files import when they are loaded. tooling: what only installs and checks.
    """

    load_critical: tuple[str, ...]
    tooling: tuple[str, ...] = ()


class CopiedFrom(NamedTuple):
    """The version of another registry that a version is a copy of. record: the digest of its record there."""

    registry: str
    model: str
    version: int
    record: str


class VersionRecord(NamedTuple):
    """The record whose creation makes a version."""

    model: str
    version: int
    op: str
    created: str
    created_by: str
    artifact: Artifact
    environment: EnvironmentSummary
    capture: CaptureNote
    source: Source | None
    description: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, str]
    copied_from: CopiedFrom | None = None
    imports: Imports | None = None
    groups: Mapping[str, Group] | None = None
    roles: Roles | None = None

    def to_bytes(self) -> bytes:
        """Return the version record."""
        body: dict[str, object] = {
            "model": self.model,
            "version": self.version,
            "artifact": present(self.artifact),
            "environment": present(self.environment),
            "capture": present(self.capture),
            "description": self.description,
            "tags": dict(self.tags),
            "params": dict(self.params),
            "metrics": dict(self.metrics),
        }
        if self.source is not None:
            body["source"] = present(self.source)
        if self.copied_from is not None:
            body["copied_from"] = present(self.copied_from)
        if self.imports is not None:
            body["imports"] = present(self.imports)
        if self.groups is not None:
            body["groups"] = {name: present(group) for name, group in self.groups.items()}
        if self.roles is not None:
            body["roles"] = present(self.roles)
        return seal("version", self.op, self.created, self.created_by, body)

    @classmethod
    def from_bytes(cls, data: bytes, model: str, version: int) -> "VersionRecord":
        """Read the version record that lies at the key of `model` and `version`."""
        fields = unseal("version", data, model=model, version=version)
        return cls(
            model,
            version,
            fields.op(),
            fields.time("created"),
            fields.text("created_by"),
            _artifact(fields.child("artifact")),
            _summary(fields.child("environment")),
            _capture(fields.child("capture")),
            fields.optional("source", _source),
            fields.optional_text("description") or "",
            fields.text_map("tags"),
            fields.text_map("params"),
            checked_metrics(fields),
            fields.optional("copied_from", _copied_from),
            fields.optional("imports", _imports),
            fields.optional("groups", _groups),
            fields.optional("roles", _roles),
        )


def checked_metrics(fields: Fields) -> dict[str, str]:
    """Return the field `metrics` of a record, empty where it is absent."""
    metrics = fields.text_map("metrics")
    if not all(map(_is_metric, metrics.values())):
        raise fields.damage("metrics", "holds what is no number")
    return metrics


def metric(name: str, value: "str | float | Decimal") -> str:
    """Return a metric as the decimal string that records hold.

    Raises:
        UsageError: `value` is no finite number.
    """
    text = str(value).strip().lower()
    for written_short, in_full in _SHORT:
        text = re.sub(written_short, in_full, text)
    if not _is_metric(text):
        raise UsageError(f"the metric {name} must be a finite number, not {str(value)[:_MAX_METRIC]!r}")
    return text


def _is_metric(text: str) -> bool:
    return len(text) <= _MAX_METRIC and re.fullmatch(_METRIC, text, re.ASCII) is not None and math.isfinite(float(text))


def _artifact(fields: Fields) -> Artifact:
    return Artifact(
        fields.upload("upload"),
        fields.digest("digest"),
        fields.integer("size"),
        fields.integer("files"),
        fields.text("layout"),
        fields.optional_text("format"),
    )


def _summary(fields: Fields) -> EnvironmentSummary:
    return EnvironmentSummary(fields.digest("digest"), fields.text("python"), fields.integer("packages"))


def _capture(fields: Fields) -> CaptureNote:
    return CaptureNote(
        fields.text("tool"),
        fields.text("interpreter"),
        fields.texts("remarks"),
        fields.optional_texts("paths"),
        fields.optional_texts("cpu"),
    )


def _source(fields: Fields) -> Source:
    return Source(
        fields.text("commit"),
        fields.optional_text("branch"),
        fields.optional_flag("dirty"),
        fields.optional_text("remote"),
    )


def _copied_from(fields: Fields) -> CopiedFrom:
    return CopiedFrom(fields.text("registry"), fields.text("model"), fields.integer("version"), fields.digest("record"))


def _imports(fields: Fields) -> Imports:
    names = fields.child("names")
    return Imports(
        {module: names.texts(module) for module in names.mapping},
        fields.text_map("versions"),
        fields.optional_flag("complete") or False,
        fields.text_map("packages") if "packages" in fields.mapping else None,
        fields.optional_texts("missing"),
    )


def _groups(fields: Fields) -> dict[str, Group]:
    children = {name: fields.child(name) for name in fields.mapping}
    return {
        name: Group(group.texts("roots"), group.texts("packages"), group.texts("declared"))
        for name, group in children.items()
    }


def _roles(fields: Fields) -> Roles:
    return Roles(fields.texts("load_critical"), fields.texts("tooling"))
