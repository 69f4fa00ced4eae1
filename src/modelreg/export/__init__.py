"""A version's environment in the formats of other tools.

A format is a plain function, `(Subject, Archives) -> str`, in a module of its own. To add one, write it and name it in
`FORMATS`; what it needs to know is in `modelreg.export.subject`.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import NamedTuple
from urllib.parse import urlsplit

from modelreg.environment.selection import Selected, one_version_each
from modelreg.errors import EnvironmentMismatchError, UsageError
from modelreg.export.archives import DIRECT_URL, Archives, find_archives, recorded
from modelreg.export.subject import Subject

Writer = Callable[[Subject, Archives], str]


class Format(NamedTuple):
    """A format: the module and the function that write it.

    hashed: every package needs a file with a digest. vcs: those from a repository need none. flat: a package can stand
    in it once only. installed: it is installed from, so it must not lack a package.
    """

    module: str
    function: str
    hashed: bool = False
    vcs: bool = True
    flat: bool = True
    installed: bool = True

    @property
    def write(self) -> Writer:
        """The function itself."""
        writer: Writer = getattr(import_module(f"modelreg.export.{self.module}"), self.function)
        return writer


FORMATS: Mapping[str, Format] = {
    "requirements": Format("requirements", "requirements"),
    "requirements-hashes": Format("requirements", "hashed_requirements", hashed=True, vcs=False),
    "pylock": Format("pylock", "pylock", hashed=True, flat=False),
    "conda": Format("conda", "conda"),
    "cyclonedx": Format("cyclonedx", "cyclonedx", installed=False),
}


class Exported(NamedTuple):
    """A file in the making. missing: why each package is not in it, by name. notes: what a person should know of it."""

    text: str
    form: str
    subject: Subject
    archives: Archives
    missing: Mapping[str, str]
    notes: tuple[str, ...] = ()


def export(
    subject: Subject,
    form: str = "requirements",
    *,
    allow_missing: bool = False,
    prove: bool = False,
    installer: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write a version's environment in another tool's format.

    allow_missing: leave out what cannot be had elsewhere. prove: download the wheels, and name those alone whose record
    digest is that of what was installed. installer: `uv` or `pip`, whose indexes are asked for digests.
    tell: is told of each step that takes time, in a sentence.

    Raises:
        UsageError: there is no such format; there is nothing to prove in it.
        EnvironmentMismatchError: it would lack a package.
        NotFoundError, PackageIndexError: the index cannot be asked.
    """
    known = FORMATS.get(form)
    if known is None:
        raise UsageError(f"there is no format {form!r}; there are {', '.join(FORMATS)}, and dockerfile for images")
    if prove and not known.hashed:
        raise UsageError(f"{form} holds no digests of wheels, so there is nothing to prove; leave --prove out")
    if known.flat:
        subject = subject._replace(selection=one_version_each(subject.selection))
    archives = _archives(subject, known, installer, tell, prove=prove)
    missing = _missing(subject, known, archives)
    if missing and not allow_missing:
        listed = "; ".join(f"{name} ({why})" for name, why in missing.items())
        raise EnvironmentMismatchError(
            f"{subject.reference} cannot be exported in full as {form}: {listed}. --allow-missing leaves them out"
        )
    subject = subject._replace(selection=subject.selection.without(missing.keys()), missing=tuple(missing))
    text = known.write(subject, archives)
    return Exported(text, form, subject, archives, missing, tuple(_notes(text, archives)))


def why_unavailable(pin: Selected) -> str:
    """Say why a package cannot be installed elsewhere."""
    kind = pin.origin.kind if pin.origin is not None else "local"
    return f"it was installed from {_PLACES.get(kind, 'somewhere')} of the machine that registered it"


_PLACES = {"editable": "an editable folder", "directory": "a folder", "archive": "a file", "vcs": "a repository"}


def _archives(
    subject: Subject, form: Format, installer: str | None, tell: Callable[[str], None], *, prove: bool
) -> Archives:
    pins = subject.selection.pins
    if not form.hashed:
        return recorded(pins)
    # Imported here: the other formats ask nobody.
    from modelreg.install.installer import find_installer

    return find_archives(pins, subject.environment, find_installer(installer), tell, prove=prove)


def _missing(subject: Subject, form: Format, archives: Archives) -> dict[str, str]:
    missing: dict[str, str] = {}
    for pin in subject.selection.pins if form.installed else ():
        if pin.requirement is None:
            missing[str(pin)] = why_unavailable(pin)
        elif form.hashed and not archives.of(pin):
            from_vcs = pin.origin is not None and pin.origin.kind == "vcs"
            if from_vcs and not form.vcs:
                missing[str(pin)] = "it comes from a repository, which has no digest that pip could check"
            elif not from_vcs:
                missing[str(pin)] = archives.lacking.get(pin.requirement, "no digest of it is known")
    return missing


def _notes(text: str, archives: Archives) -> list[str]:
    urls = [one.url for files in archives.files.values() for one in files if one.evidence != DIRECT_URL]
    hosts = sorted({urlsplit(url).hostname or "this machine" for url in urls if url in text})
    if not hosts:
        return []
    notes = [f"its URLs are those of the index that {archives.source} is set up with: {', '.join(hosts)}"]
    local = any(url.startswith("file:") for url in urls)
    return [*notes, *(["some of them are files of this machine, so it can be used here only"] if local else [])]
