"""modelreg env create and run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from modelreg.cli.options import (
    AllowMissingOption,
    GroupOption,
    InstallerOption,
    JsonOption,
    QuietOption,
    ReferenceOrPathArgument,
    RegistryOption,
)
from modelreg.cli.output import count_text, print_json, print_raw, say, warn
from modelreg.cli.parameters import Argument, Group, Option

if TYPE_CHECKING:
    from modelreg.export.subject import Subject
    from modelreg.install.rebuild import Rebuilt

BaseOption = Annotated[
    Path | None,
    Option(
        "--python",
        metavar="PYTHON",
        help="The interpreter to make it with. Default: the recorded version, looked for on the PATH, among pyenv's "
        "and uv's.",
    ),
]


def create(
    reference: ReferenceOrPathArgument,
    folder: Annotated[Path, Argument(metavar="DIR", help="The folder, new or empty.")],
    group: GroupOption = None,
    python: BaseOption = None,
    allow_missing: AllowMissingOption = False,
    installer: InstallerOption = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a virtual environment with the recorded Python and the exact packages, and verify it.

    Nothing is resolved: what was recorded is installed, and nothing else. What does not fit is removed again (exit 3).

    Example: modelreg env create fraud@production serving/.venv --group serve
    """
    from modelreg.cli.progress import steps
    from modelreg.cli.targets import subject
    from modelreg.registry.env import create as make

    wanted = subject(reference, group, registry)
    made = make(
        wanted,
        folder,
        python=python,
        installer=installer,
        allow_missing=allow_missing,
        tell=steps(quiet=quiet),
    )
    _warn(wanted, made, quiet=quiet)
    if not quiet:
        what = f"Python {made.capture.environment.python.version}, {count_text(made.comparison.compared, 'package')}"
        there = "" if made.created else " was there already"
        say(f"{folder}{there}: {what}, verified against {wanted.reference}.")
    if json:
        print_json(_json(wanted, made))
    else:
        print_raw(str(folder))


def run(
    reference: ReferenceOrPathArgument,
    command: Annotated[
        list[str],
        Argument(metavar="-- COMMAND...", help="What to run, after two dashes."),
    ],
    group: GroupOption = None,
    python: BaseOption = None,
    allow_missing: AllowMissingOption = False,
    installer: InstallerOption = None,
    registry: RegistryOption = None,
    quiet: QuietOption = False,
) -> None:
    """Run a command in a version's environment, made in the user's cache when it is first needed.

    Its exit code is the command's. The environment is verified each time.

    Example: modelreg env run fraud@production --group serve -- python serve.py
    """
    from modelreg.cli.progress import steps
    from modelreg.cli.targets import subject
    from modelreg.registry.env import cached
    from modelreg.settings import cache_folder

    wanted = subject(reference, group, registry)
    made = cached(
        wanted,
        cache_folder() / "environments",
        python=python,
        installer=installer,
        allow_missing=allow_missing,
        tell=steps(quiet=quiet),
    )
    _warn(wanted, made, quiet=quiet)
    _become(command, made.python.parent)


def _become(command: list[str], programs: Path) -> NoReturn:
    """Run a command as if the environment were active, in place of this process where the system can do that."""
    import os
    import shutil

    from modelreg.errors import NotFoundError

    environ = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    environ["PATH"] = os.pathsep.join([str(programs), *([environ["PATH"]] if environ.get("PATH") else [])])
    environ["VIRTUAL_ENV"] = str(programs.parent)
    program = shutil.which(command[0], path=environ["PATH"])
    if program is None:
        raise NotFoundError(f"there is no command {command[0]}, neither in the environment nor on the PATH")
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        import subprocess

        sys.exit(subprocess.run([program, *command[1:]], env=environ, check=False).returncode)  # noqa: S603
    try:
        os.execve(program, command, environ)  # noqa: S606  # the command that the person gave
    except OSError as error:
        raise NotFoundError(f"{program} cannot be run: {error.strerror}") from None


def _warn(wanted: "Subject", made: "Rebuilt", *, quiet: bool) -> None:
    from modelreg.environment.finding import Severity
    from modelreg.export import why_unavailable

    for pin in wanted.selection.unavailable:
        warn(f"{pin} is missing: {why_unavailable(pin)}")
    if quiet:
        return
    for finding in made.comparison.findings:
        if finding.severity is Severity.WARNING:
            warn(str(finding))
    for gap in made.unmet:
        warn(gap)
    if wanted.environment.conda:
        packages = count_text(len(wanted.environment.conda), "package")
        warn(f"{packages} of conda's own are not installed; modelreg export --format conda has them")


def _json(wanted: "Subject", made: "Rebuilt") -> dict[str, object]:
    return {
        "reference": wanted.reference,
        "group": wanted.selection.group,
        "folder": str(made.folder),
        "python": str(made.python),
        "python_version": made.capture.environment.python.version,
        "created": made.created,
        "compared": made.comparison.compared,
        "missing": [str(pin) for pin in wanted.selection.unavailable],
        "unmet": list(made.unmet),
        "findings": [finding._asdict() | {"message": str(finding)} for finding in made.comparison.findings],
    }


env = Group(
    "Environments of versions, made anew and verified.",
    {"create": create, "run": run},
)
