"""The command that puts a checked environment right, as `verify-env --fix-command` prints it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelreg.cli.output import print_raw, say
from modelreg.cli.report import Form, print_reports
from modelreg.environment.fix import Fix, Place, fix
from modelreg.errors import UsageError

if TYPE_CHECKING:
    from modelreg.cli.targets import Failure
    from modelreg.environment.capture import Capture
    from modelreg.registry.verify import EnvironmentReport


def fix_of(reports: "Sequence[EnvironmentReport]") -> Fix:
    """Return the command that brings the environment that was checked to what the models want.

    Raises:
        UsageError: what was checked is no environment that a command could change.
    """
    captured = reports[0].capture
    if captured.interpreter is None:
        raise UsageError("--fix-command is for an environment of this machine, and no lock or image; leave it out")
    differences = [(one, report.wanted.get(one.subject)) for report in reports for one in report.findings]
    return fix(differences, _place(captured, captured.interpreter))


def print_fix(reports: "Sequence[EnvironmentReport]", form: Form, failures: "Sequence[Failure]" = ()) -> None:
    """Print the command to stdout, quoted for the system's shell, and what it does not put right to stderr.

    form: JSON puts both into the document of the reports. failures: models that the command does nothing for.

    Raises:
        UsageError: as `fix_of`.
    """
    fix = fix_of(reports) if reports else None
    if form is Form.JSON:
        print_reports(reports, form, failures, fix=fix)
    elif fix is not None:
        _print(fix)


def _print(fix: Fix) -> None:
    for remark in fix.remarks:
        say(remark)
    if fix.command:
        print_raw(quoted(fix.command))
    elif not fix.remarks:
        say("There is nothing to put right.")


def quoted(command: Sequence[str]) -> str:
    """Return a command as a line for the system's shell."""
    if os.name == "nt":
        # Imported here, and only where it is needed: it is large.
        from subprocess import list2cmdline

        return list2cmdline(command)
    import shlex

    return shlex.join(command)


def _place(captured: "Capture", interpreter: Path) -> Place:
    """Return where to install, and what with: pip, unless the environment has none, or uv made it."""
    # Imported here: a command that fixes nothing does without it.
    from modelreg.registry.hidden import ahead_of_library

    folders = {name: str(Path(place).parent) for name, place in captured.places.items()}
    first = ahead_of_library(captured.search)
    ahead = {name: folder for name, folder in folders.items() if folder in first}
    prefix = Path(captured.prefix)
    own = {name: Path(place) for name, place in captured.places.items() if Path(place).is_relative_to(prefix)}
    stuck = {name: str(place) for name, place in own.items() if _is_stuck(place)}
    has_pip = any(package.name == "pip" for package in captured.environment.packages)
    return Place(str(interpreter), "pip" if has_pip and not _is_of_uv(prefix) else "uv", ahead, stuck)


def _is_stuck(place: Path) -> bool:
    """Tell whether no installer can remove a package, as its metadata does not say which files it has."""
    if place.suffix == ".egg-info":
        return not any(place.joinpath(name).is_file() for name in ("installed-files.txt", "top_level.txt"))
    return place.suffix == ".dist-info" and not place.joinpath("RECORD").is_file()


def _is_of_uv(prefix: Path) -> bool:
    """Tell whether uv made a virtual environment: it says so in its pyvenv.cfg."""
    try:
        lines = (prefix / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.partition("=")[0].strip() == "uv" for line in lines)
