"""modelreg verify-env."""

from typing import Annotated

import typer

from modelreg.cli.completion import complete_reference
from modelreg.cli.options import JsonOption, PythonOption, QuietOption, RegistryOption


def verify_env(
    references: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REF]...",
            help="References, or paths of pulled folders or manifests. Default: [tool.modelreg.models] in "
            "pyproject.toml, else every modelreg.yaml below the working directory.",
            autocompletion=complete_reference,
            show_default=False,
        ),
    ] = None,
    python: PythonOption = None,
    image: Annotated[
        str | None,
        typer.Option(
            "--image",
            metavar="IMAGE",
            help="Check this image, without running it: registry/team/fraud:3, an OCI layout, what docker save wrote, "
            "or the word recorded: the one that the version names. --python is then a path in it.",
        ),
    ] = None,
    platform: Annotated[
        str | None, typer.Option("--platform", metavar="OS/ARCH", help="Which one of a multi-platform image.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="TARGET", help="With --image recorded: base, train or serve.")
    ] = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check that an environment is the one a model needs.

    Names every difference. Exit 0 if it fits, 3 if it does not.

    Example: modelreg verify-env fraud@production --python serving/.venv
    """
    from modelreg.cli.answers import print_reports
    from modelreg.cli.progress import shown
    from modelreg.cli.targets import ImageChoice, reports
    from modelreg.errors import UsageError

    if image is None and (platform or target):
        raise UsageError("--platform and --target say which image to check; add --image")
    with shown(quiet=quiet) as progress:
        choice = ImageChoice(image, platform, target, progress) if image is not None else None
        found = reports(references or [], python, registry, choice)
    print_reports(found, "json" if json else "quiet" if quiet else "text")
    if not all(report.fits for report in found):
        raise typer.Exit(3)
