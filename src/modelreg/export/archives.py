"""The files that install a version's packages, each with the evidence that it is the right one."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from modelreg.environment.record import Environment
from modelreg.environment.selection import Selected
from modelreg.install.commands import PinUnavailableError
from modelreg.install.installer import Installer
from modelreg.install.served import Served

DIRECT_URL, PROVEN, INDEX = "direct_url", "proven", "index"
"""What tells that a file is the right one.

direct_url: the installer recorded this digest when it installed the package. proven: the record digest of this wheel
is that of what was installed. index: an index serves it under the pin, for the recorded tags where those are known;
nobody has looked whether it is what was installed.
"""


class Archive(NamedTuple):
    """A file that installs a package. url: without credentials. sha256: hexadecimal. size: bytes, if known."""

    url: str
    sha256: str
    evidence: str
    is_wheel: bool = True
    size: int | None = None


class Archives(NamedTuple):
    """The files of each pin, by its requirement, and why there is none of others. source: what was asked."""

    files: Mapping[str, tuple[Archive, ...]] = {}
    lacking: Mapping[str, str] = {}
    source: str | None = None

    def of(self, pin: Selected) -> tuple[Archive, ...]:
        """Return the files of a pin."""
        return self.files.get(pin.requirement or "", ())


def recorded(pins: Iterable[Selected]) -> Archives:
    """Return what is known without asking anybody: what the installer recorded."""
    return Archives({pin.requirement: (one,) for pin in pins if pin.requirement and (one := _direct(pin)) is not None})


def find_archives(
    pins: Iterable[Selected],
    environment: Environment,
    installer: Installer,
    tell: Callable[[str], None],
    *,
    prove: bool = False,
) -> Archives:
    """Return the file, or files, of each pin that can have one: all but those from repositories.

    prove: download the wheels, and take those alone whose record digest is that of what was installed. A package
    without a recorded digest stays unproven.

    Raises:
        PackageIndexError, NotFoundError: no index can be asked.
    """
    wanted = {pin.requirement: pin for pin in pins if pin.requirement and not _is_from_vcs(pin)}
    known = recorded(wanted.values())
    asked = {requirement: pin for requirement, pin in wanted.items() if requirement not in known.files}
    if not asked:
        return known
    tell(f"Asking the index of {installer.name} for {len(asked)} packages")
    served, lacking = _served(asked, environment, installer)
    files: dict[str, tuple[Archive, ...]] = {}
    for requirement, pin in asked.items():
        if requirement in lacking:
            continue
        of_pin = served.get(pin.name, [])
        chosen = _to_be_tried(pin, of_pin) if prove and _has_digest(pin) else _fitting(pin, of_pin)
        if chosen:
            files[requirement] = tuple(_archive(one) for one in chosen)
        else:
            lacking[requirement] = _why_none(of_pin, installer, prove=prove)
    if prove:
        tell(f"Downloading wheels of {len(files)} packages, to prove them")
        _prove(asked, files, lacking, environment, installer)
    return Archives({**known.files, **files}, lacking, installer.name)


def _served(
    asked: Mapping[str, Selected], environment: Environment, installer: Installer
) -> tuple[dict[str, list[Served]], dict[str, str]]:
    """Ask for all at once; what an index lacks is put aside, and the rest asked for again."""
    remaining, lacking = dict(asked), dict[str, str]()
    while remaining:
        try:
            found = installer.served(list(remaining), environment)
        except PinUnavailableError as error:
            gone = {requirement for requirement, pin in remaining.items() if pin.name in error.names}
            if not gone:
                raise
            lacking |= dict.fromkeys(gone, f"no index of {installer.name} has it for this Python and platform")
            remaining = {requirement: pin for requirement, pin in remaining.items() if requirement not in gone}
        else:
            by_name: dict[str, list[Served]] = {}
            for served in found:
                by_name.setdefault(served.name, []).append(served)
            return by_name, lacking
    return {}, lacking


def _fitting(pin: Selected, served: list[Served]) -> list[Served]:
    """Return the wheels of the tags that were recorded; where a package was built from source, that."""
    wheels = [one for one in served if one.is_wheel]
    tags = pin.package.tags if (pin.origin is None or pin.origin.kind == "archive") else None
    if not tags:
        return wheels or served
    return [one for one in wheels if _tags(one) == _expanded(tags)] or [one for one in served if not one.is_wheel]


def _to_be_tried(pin: Selected, served: list[Served]) -> list[Served]:
    """Return the wheels, those with the recorded tags first: what a wheel says of itself is not always its name."""
    likely = [one for one in _fitting(pin, served) if one.is_wheel]
    return likely + [one for one in served if one.is_wheel and one not in likely]


def _expanded(tags: Iterable[str]) -> set[str]:
    from packaging.tags import parse_tag

    return {str(one) for tag in tags for one in parse_tag(tag)}


def _tags(served: Served) -> set[str]:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return {str(tag) for tag in parse_wheel_filename(served.file)[3]}
    except InvalidWheelFilename:
        return set()


def _prove(
    pins: Mapping[str, Selected],
    files: dict[str, tuple[Archive, ...]],
    lacking: dict[str, str],
    environment: Environment,
    installer: Installer,
) -> None:
    """Put the one wheel that is proven in place of each pin's candidates; one a round and a pin is downloaded."""
    open_ones = {requirement: list(files[requirement]) for requirement in files if _has_digest(pins[requirement])}
    while open_ones:
        trying = {requirement: candidates.pop(0) for requirement, candidates in open_ones.items()}
        wheels = [_as_served(pins[requirement], one) for requirement, one in trying.items()]
        digests = installer.record_digests(wheels, environment)
        for requirement, archive in trying.items():
            package = pins[requirement].package
            if digests.get(package.name) == package.record:
                files[requirement] = (archive._replace(evidence=PROVEN),)
                del open_ones[requirement]
            elif not open_ones[requirement]:
                del open_ones[requirement], files[requirement]
                lacking[requirement] = "what the index serves is not what was installed: the record digests differ"


def _has_digest(pin: Selected) -> bool:
    return pin.package.record is not None


def _as_served(pin: Selected, archive: Archive) -> Served:
    return Served(pin.name, archive.url, archive.sha256, archive.size)


def _archive(served: Served) -> Archive:
    return Archive(served.url, served.sha256, INDEX, served.is_wheel, served.size)


def _direct(pin: Selected) -> Archive | None:
    origin = pin.origin
    if origin is None or origin.kind != "archive" or not origin.url or not origin.sha256:
        return None
    return Archive(origin.url, origin.sha256, DIRECT_URL, origin.url.endswith(".whl"))


def _is_from_vcs(pin: Selected) -> bool:
    return pin.origin is not None and pin.origin.kind == "vcs"


def _why_none(served: list[Served], installer: Installer, *, prove: bool) -> str:
    if not served:
        return f"{installer.name} tells no digest of it"
    if prove:
        return "the index serves it as source alone, of which nothing can be proven"
    return "no file that the index serves has the tags of the wheel that was installed; --prove tries each of them"
