"""modelreg restore."""

from typing import Annotated

import typer

from modelreg.cli.completion import complete_deleted
from modelreg.cli.options import JsonOption, QuietOption, RegistryOption, WhyOption


def restore(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            help="The version by its number, as in fraud:3.",
            autocompletion=complete_deleted,
            show_default=False,
        ),
    ],
    why: WhyOption = "",
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Bring a deleted version back, unless gc has taken its files.

    Example: modelreg restore fraud:2
    """
    from modelreg.cli.output import print_json, say
    from modelreg.registry import Registry

    version = Registry.open(registry).restore(reference, why=why)
    if not quiet:
        say(f"{version} is live.")
    if json:
        print_json({"reference": version.reference, "state": version.state, "why": why})
    else:
        typer.echo(version.reference)
