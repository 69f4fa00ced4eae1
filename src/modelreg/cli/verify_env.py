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
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check that an environment is the one a model needs.

    Names every difference. Exit 0 if it fits, 3 if it does not.

    Example: modelreg verify-env fraud@production --python serving/.venv
    """
    from modelreg.cli.answers import print_reports
    from modelreg.cli.targets import reports

    found = reports(references or [], python, registry)
    print_reports(found, "json" if json else "quiet" if quiet else "text")
    if not all(report.fits for report in found):
        raise typer.Exit(3)
