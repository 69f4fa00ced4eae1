"""modelreg export."""

from pathlib import Path
from typing import Annotated

import typer

from modelreg.cli.completion import complete_format
from modelreg.cli.options import (
    AllowMissingOption,
    GroupOption,
    InstallerOption,
    JsonOption,
    QuietOption,
    ReferenceOrPathArgument,
    RegistryOption,
)


def export(
    reference: ReferenceOrPathArgument,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="requirements, requirements-hashes, pylock, conda or cyclonedx.",
            autocompletion=complete_format,
        ),
    ] = "requirements",
    group: GroupOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write. Default: stdout.")
    ] = None,
    prove: Annotated[
        bool,
        typer.Option("--prove", help="Download the wheels; name those alone that are what was installed."),
    ] = False,
    allow_missing: AllowMissingOption = False,
    installer: InstallerOption = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a version's environment in the format of another tool.

    What cannot be had elsewhere is named, and fails (exit 3) unless you say --allow-missing.

    Example: modelreg export fraud@production --format pylock -o pylock.toml
    """
    from modelreg.cli.answers import exported_json
    from modelreg.cli.output import print_json, say, warn
    from modelreg.cli.progress import steps
    from modelreg.cli.targets import subject
    from modelreg.export import export as write
    from modelreg.files import write_text

    exported = write(
        subject(reference, group, registry),
        form,
        allow_missing=allow_missing,
        prove=prove,
        installer=installer,
        tell=steps(quiet=quiet),
    )
    for name, why in exported.missing.items():
        warn(f"{name} is missing: {why}")
    if not quiet:
        for note in exported.notes:
            say(note)
    if output is not None:
        write_text(output, exported.text)
    if json:
        print_json(exported_json(exported, output))
    elif output is None:
        typer.echo(exported.text, nl=False)
    else:
        typer.echo(str(output))
