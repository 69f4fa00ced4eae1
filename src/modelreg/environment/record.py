"""What is needed to load and serve a model: Python, platform and every pinned package, as a value."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from modelreg.canonical import encode
from modelreg.digest import digest_of
from modelreg.errors import IntegrityError
from modelreg.fields import Fields, present

TOOLING = frozenset({"modelreg", "pip", "uv"})
"""Packages that install and check, and that no model computes with."""

MANAGED = ("conda", "distribution")
"""The kinds of origin of what conda, or the system's own tool, has installed and looks after."""

_LOCAL = ("directory", "editable")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_NORMALIZED = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_RELEASE = re.compile(r"[0-9]+(\.[0-9]+)*")


def is_name(text: str) -> bool:
    """Tell whether `text` can name a package (PEP 508)."""
    return _NAME.fullmatch(text) is not None


def is_word(text: str) -> bool:
    """Tell whether `text` is one word: not empty, printable, without white space."""
    return bool(text) and text.isprintable() and " " not in text


def is_commit(text: str) -> bool:
    """Tell whether `text` is the whole name of a commit of git (SHA-1 or SHA-256)."""
    return _COMMIT.fullmatch(text) is not None


def normalized(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Origin(NamedTuple):
    """Where a package was installed from, when that was no index (PEP 610).

    kind: `vcs`, `archive`, `directory`, `editable`, `conda` or `distribution`. An editable or local folder that
    is a git work tree has its commit, too; dirty: its tracked files differed from that.
    """

    kind: str
    url: str | None = None
    vcs: str | None = None
    commit: str | None = None
    requested_revision: str | None = None
    subdirectory: str | None = None
    sha256: str | None = None
    dirty: bool | None = None


class Package(NamedTuple):
    """One installed distribution, exactly: `name` normalised, `version` as its metadata has it.

    requires: its `Requires-Dist` lines, as written. record: the sha256 (hex) of what it installed, see docs/format.md.
    tags: of its wheel (PEP 425). installer: who installed it (PEP 376). requested: whether it was asked for by name.
    None is unknown.
    """

    name: str
    version: str
    raw_name: str | None = None
    origin: Origin | None = None
    requires: tuple[str, ...] | None = None
    record: str | None = None
    tags: tuple[str, ...] | None = None
    installer: str | None = None
    requested: bool | None = None

    @property
    def requirement(self) -> str | None:
        """The requirement (PEP 508) that installs exactly this, or None where pip cannot get it anywhere."""
        name = self.raw_name or self.name
        origin = self.origin
        if origin is None or origin.kind in MANAGED:
            return _pin(name, self.version)
        if origin.url is None or origin.kind in _LOCAL:
            return None
        fragments = [f"subdirectory={origin.subdirectory}"] if origin.subdirectory else []
        if origin.kind == "vcs":
            if not origin.vcs or not origin.commit:
                return None
            url = f"{origin.vcs}+{origin.url}@{origin.commit}"
        else:
            url = origin.url
            fragments += [f"sha256={origin.sha256}"] if origin.sha256 else []
        url += f"#{'&'.join(fragments)}" if fragments else ""
        return f"{name} @ {url}" if is_word(url) else None


class CondaPackage(NamedTuple):
    """A package of conda that is none of Python's: `libblas`. url: without credentials."""

    name: str
    version: str
    build: str
    channel: str | None = None
    url: str | None = None
    sha256: str | None = None


class Python(NamedTuple):
    """An interpreter: `version` such as `3.11.7`, `implementation` such as `cpython`."""

    version: str
    implementation: str
    soabi: str | None = None

    @property
    def minor(self) -> str:
        """The language version: `3.11`."""
        return ".".join(self.version.split(".")[:2])


class Platform(NamedTuple):
    """The system that compiled packages were built for."""

    system: str
    machine: str
    libc: str | None = None
    libc_version: str | None = None

    def __str__(self) -> str:
        """Return it as a person would say it: `linux x86_64, glibc 2.36`."""
        libc = f", {self.libc} {self.libc_version or ''}".rstrip() if self.libc else ""
        return f"{self.system} {self.machine}{libc}"


class Environment(NamedTuple):
    """Python, platform and packages. Two captures of one environment are equal, and have one digest."""

    python: Python
    platform: Platform
    packages: tuple[Package, ...] = ()
    conda: tuple[CondaPackage, ...] = ()

    def to_mapping(self) -> dict[str, object]:
        """Return the environment record of docs/format.md."""
        mapping: dict[str, object] = {
            "format": 1,
            "kind": "environment",
            "python": present(self.python),
            "platform": present(self.platform),
            "packages": [present(package) for package in self.packages],
        }
        if self.conda:
            mapping["conda"] = [present(package) for package in self.conda]
        return mapping

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> "Environment":
        """Read an environment record.

        Raises:
            IntegrityError: a field is missing or damaged, or a package stands twice.
        """
        fields = Fields(mapping)
        python, platform = fields.child("python"), fields.child("platform")
        packages = tuple(_package(item) for item in fields.children("packages"))
        if len({package.name for package in packages}) != len(packages):
            raise IntegrityError("is damaged: a package stands in it twice")
        return cls(
            Python(python.text("version"), python.text("implementation"), python.optional_text("soabi")),
            Platform(
                platform.text("system"),
                platform.text("machine"),
                platform.optional_text("libc"),
                platform.optional_text("libc_version"),
            ),
            packages,
            tuple(_conda_package(item) for item in fields.optional_children("conda")),
        )

    @property
    def digest(self) -> str:
        """The digest of the record, with its `sha256:`."""
        return digest_of(encode(self.to_mapping()))

    @property
    def dependencies(self) -> list[str]:
        """The exact requirements that pip can install, in order of name."""
        return [requirement for package in self.packages if (requirement := package.requirement)]

    @property
    def unavailable(self) -> list[Package]:
        """The packages that cannot be installed elsewhere (from local folders or files); tooling is left out."""
        return [package for package in self.packages if package.requirement is None and package.name not in TOOLING]


def _pin(name: str, version: str) -> str | None:
    if not _RELEASE.fullmatch(version):
        # Imported here: most versions are plain numbers, and need no more than a look.
        from packaging.version import InvalidVersion, Version

        try:
            Version(version)
        except InvalidVersion:
            # What is no version by PEP 440 is compared as text, by what understands it at all.
            return None if set(version) & _ENDS else f"{name}==={version}"
    return f"{name}=={version}"


_ENDS = set(";),")
"""What ends a version after `===`."""


def _package(fields: Fields) -> Package:
    name, version, raw_name = fields.text("name"), fields.text("version"), fields.optional_text("raw_name")
    if _NORMALIZED.fullmatch(name) is None:
        raise fields.damage("name", "is no normalised name of a package")
    if raw_name is not None and (not is_name(raw_name) or normalized(raw_name) != name):
        raise fields.damage("raw_name", "is no spelling of the name")
    if not is_word(version):
        raise fields.damage("version", "is no version")
    return Package(
        name,
        version,
        raw_name,
        fields.optional("origin", _origin),
        fields.optional_texts("requires"),
        fields.optional_sha256("record"),
        fields.optional_texts("tags"),
        fields.optional_text("installer"),
        fields.optional_flag("requested"),
    )


def _origin(fields: Fields) -> Origin:
    texts = {name: fields.optional_text(name) for name in _ORIGIN}
    return Origin(fields.text("kind"), **texts, dirty=fields.optional_flag("dirty"))


def _conda_package(fields: Fields) -> CondaPackage:
    return CondaPackage(
        fields.text("name"),
        fields.text("version"),
        fields.text("build"),
        fields.optional_text("channel"),
        fields.optional_text("url"),
        fields.optional_sha256("sha256"),
    )


_ORIGIN = ("url", "vcs", "commit", "requested_revision", "subdirectory", "sha256")
