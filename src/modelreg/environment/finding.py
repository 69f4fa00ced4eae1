"""What a comparison of environments finds, as values and as sentences."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """What a finding does: an error makes the environment unfit, and so does what could not be checked, unless allowed.

    Warnings and information are told.
    """

    ERROR = "error"
    UNCHECKED = "unchecked"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Its place among them, the gravest first."""
        return list(Severity).index(self)


class Role(StrEnum):
    """What a package is to the model and to the group that is checked.

    pinned: nothing is known but that the model was registered with it, so it counts. other: only another group needs
    it. incidental: neither the model nor a group does. tooling: it only installs and checks.
    """

    LOAD_CRITICAL = "load-critical"
    DECLARED = "declared"
    PINNED = "pinned"
    INCIDENTAL = "incidental"
    OTHER = "other"
    TOOLING = "tooling"

    @property
    def counts(self) -> bool:
        """Whether a difference is an error by default."""
        return self in (Role.LOAD_CRITICAL, Role.DECLARED, Role.PINNED)


class Finding(NamedTuple):
    """One difference, or one thing that could not be checked.

    kind: a key of `SENTENCES`. subject: the package's normalised name, a module of the standard library, a library
    of conda's, `conda`, `python`, `platform`, `packages`, or an image's target.
    since: since which version of the model, and when, this is wanted; None where that is not known.
    role: what the package is to the model; None where it is not about a package that the model pins.
    note: what else a person should know, in a clause of its own: who needs the package, or why this is excused.
    """

    severity: Severity
    kind: str
    subject: str
    wanted: str | None
    found: str | None
    since: str | None = None
    role: Role | None = None
    note: str | None = None

    @property
    def is_pin(self) -> bool:
        """Whether this is about a package that the model pins."""
        return self.role is not None

    @property
    def in_full(self) -> str:
        """The sentence with its note."""
        return f"{self}; {self.note}" if self.note else str(self)

    def __str__(self) -> str:
        """Say it in a sentence."""
        sentence = SENTENCES[self.kind].format(subject=self.subject, wanted=self.wanted, found=self.found)
        return f"{sentence} (wanted since {self.since})" if self.since else sentence


SENTENCES: Mapping[str, str] = {
    "missing": "{subject} is not installed; the model wants {wanted}",
    "version": "{subject} is {found}; the model wants {wanted}",
    "origin": "{subject} was installed from {found}; the model wants it from {wanted}",
    "rebuilt": "{subject} {found} is another build than the model's: the same version, but not the same files",
    "duplicate": "{subject} is there twice, {wanted} and {found}, so it is not known which is imported",
    "shadowed": "{subject} {found} is hidden by {wanted}, which stands earlier on the path",
    "stray": "{subject} was imported from {found}, which is on the path no more, and not where {wanted} is installed",
    "standard": "{subject} of Python's standard library is hidden by {wanted}, which stands earlier on the path",
    "extra": "{subject} {found} is installed; the model does not ask for it",
    "library": "{subject} of conda is {found}; the model was made with {wanted}",
    "expired": "the exception for {subject} expired on {wanted}; renew or remove it in pyproject.toml",
    "python": "Python is {found}; the model wants {wanted}",
    "implementation": "the interpreter is {found}; the model wants {wanted}",
    "abi": "the interpreter takes extension modules for {found}; the model wants {wanted}",
    "system": "the system is {found}; the model wants {wanted}",
    "machine": "the machine is {found}; the model wants {wanted}",
    "cpu": "the CPU {found}, other than where the model was made, so the last digits of numbers may differ",
    "libc": "the C library is {found}; the model wants {wanted} or newer",
    "file": "{subject} is not locked to the file that the model was installed with, sha256 {wanted}",
    "locked-python": "the lock is for Python {found}; the model wants {wanted}",
    "locked-platform": "the lock is for {found}; the model wants {wanted}",
    "code": "{found}, but the model's files name {wanted}, so it cannot be loaded",
    "files": "{subject} is not as it was installed: {found}",
    "added": "{subject} is not as it was installed: {found} was added, and is imported in place of a module of it",
    "unhashed": "the files of {subject} were not checked: {found}",
    "unknown": "{subject} could not be checked: {found}",
    "image": "the image recorded for {subject}, {found}, did not hold what the version pins when it was looked at",
    "nothing": "no package is pinned, so none could be compared",
}
"""A sentence for each kind of finding."""


def few(words: Sequence[str], most: int, separator: str = ", ", last: str = " and ") -> str:
    """Return the first of some words, and how many more there are: `a, b, c and 4 more`."""
    more = f"{last}{len(words) - most} more" if len(words) > most else ""
    return f"{separator.join(words[:most])}{more}"
