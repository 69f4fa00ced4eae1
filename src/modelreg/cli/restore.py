"""modelreg restore."""

import typer

from modelreg.cli.options import JsonOption, QuietOption, ReferenceArgument, RegistryOption, WhyOption


def restore(
    reference: ReferenceArgument,
    why: WhyOption = "",
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Bring a deleted version back.

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
