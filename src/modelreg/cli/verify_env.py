"""modelreg verify-env."""

import sys
from typing import Annotated

from modelreg.cli.options import (
    AtOption,
    GroupCheckOption,
    JsonOption,
    PolicyOption,
    PythonOption,
    QuietOption,
    RegistryOption,
)
from modelreg.cli.parameters import Argument, Option
from modelreg.cli.report import Form


def verify_env(
    references: Annotated[
        list[str] | None,
        Argument(
            metavar="[REF]...",
            help="References, or paths of pulled folders or manifests. Default: [tool.modelreg.models] in "
            "pyproject.toml, else every modelreg.yaml below the working directory.",
            completes="reference",
        ),
    ] = None,
    python: PythonOption = None,
    image: Annotated[
        str | None,
        Option(
            "--image",
            metavar="IMAGE",
            help="Check this image, without running it: registry/team/fraud:3, an OCI layout, what docker save wrote, "
            "or the word recorded: the one that the version names. --python is then a path in it.",
        ),
    ] = None,
    platform: Annotated[
        str | None, Option("--platform", metavar="OS/ARCH", help="Which one of a multi-platform image.")
    ] = None,
    lock: Annotated[
        str | None,
        Option(
            "--lock",
            metavar="FILE",
            help="A requirements.txt (or .lock), pylock.toml or uv.lock that an environment is to be built from.",
        ),
    ] = None,
    at: AtOption = None,
    group: GroupCheckOption = None,
    policy: PolicyOption = "exact",
    allow_unchecked: Annotated[
        bool, Option("--allow-unchecked", help="Let pass what could not be checked; it is still told.")
    ] = False,
    fix_command: Annotated[
        bool,
        Option(
            "--fix-command",
            help="Print the one pip or uv command that puts the environment right, and nothing else to stdout.",
        ),
    ] = False,
    deep: Annotated[
        bool,
        Option("--deep", help="Also look for files changed since they were installed, in all that the model loads."),
    ] = False,
    registry: RegistryOption = None,
    form: Annotated[Form, Option("--format", help="Text for people, or what scripts and CI systems read.")] = Form.TEXT,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check that an environment is the one a model needs.

    Names every difference. Exit 0 if it fits, 3 if it does not or could not be checked in full.

    Example: modelreg verify-env fraud@production --python serving/.venv
    """
    from contextlib import nullcontext

    from modelreg.environment.interpreter import ask
    from modelreg.errors import UsageError

    if lock is not None and (python is not None or image is not None):
        raise UsageError("--lock checks what is not built yet, --python and --image what is; give one of them")
    if platform is not None and image is None:
        raise UsageError("--platform says which one of an image's; add --image")
    if deep and image is not None:
        raise UsageError(
            "--deep looks for files that were changed, and of an image only metadata is read; leave it out"
        )
    # It answers while the rest is loaded and the registry is read.
    with nullcontext() if image or lock else ask(python, whole=False) as asked:
        from modelreg.cli.checked import Checked
        from modelreg.cli.progress import shown
        from modelreg.cli.targets import reports, terms

        agreed = terms(policy, group, allow_unchecked=allow_unchecked, deep=deep)
        with shown(quiet=quiet) as progress:
            checked = Checked(python, image, platform, progress, lock, asked)
            found, failures = reports(references or [], checked, registry, agreed, at)
    form = Form.JSON if json else form
    if fix_command:
        from modelreg.cli.fixing import print_fix

        print_fix(found, form, failures)
    else:
        from modelreg.cli.report import print_reports

        print_reports(found, form, failures, quiet=quiet)
    if failures:
        from modelreg.cli.report import fail

        fail(failures, of=len(found) + len(failures))
    if not all(report.fits for report in found):
        sys.exit(3)
