"""modelreg copy."""

from typing import Annotated

import typer

from modelreg.cli.options import AliasOption, AtOption, JsonOption, QuietOption, ReferenceArgument, RegistryOption


def copy(
    reference: ReferenceArgument,
    target: Annotated[
        str, typer.Argument(metavar="REGISTRY", help="The registry to copy it into.", show_default=False)
    ],
    at: AtOption = None,
    alias: AliasOption = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Copy a version into another registry. Bytes, environment, provenance and annotations are the same there.

    It gets the next number there. Copying it again brings what was annotated since, and changes nothing else.

    Example: modelreg copy fraud:3 /shared/released --alias production
    """
    from modelreg.cli.answers import registered_json
    from modelreg.cli.output import print_json, say
    from modelreg.cli.progress import shown
    from modelreg.registry import Registry

    source = Registry.open(registry)
    version = source.resolve(reference, at=at)
    with shown(quiet=quiet) as progress:
        copied = source.copy(version, Registry.open(target), aliases=alias or (), progress=progress)
    if not quiet and copied.created:
        say(f"Copied {version} to {target} as {copied.version}.")
    elif not quiet:
        say(f"{target} has {version} already, as {copied.version}.")
    if json:
        print_json(registered_json(copied))
    else:
        typer.echo(copied.version.reference)
