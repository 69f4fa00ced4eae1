"""modelreg copy."""

from typing import Annotated

from modelreg.cli.options import AliasOption, AtOption, JsonOption, QuietOption, ReferenceArgument, RegistryOption
from modelreg.cli.output import print_json, print_raw, say
from modelreg.cli.parameters import Argument


def copy(
    reference: ReferenceArgument,
    target: Annotated[str, Argument(metavar="REGISTRY", help="The registry to copy it into.")],
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
    from modelreg.cli.answers import damage_warnings, registered_json
    from modelreg.cli.progress import shown
    from modelreg.cli.versions import open_version
    from modelreg.registry import Registry

    source, version = open_version(registry, reference, at, quiet=quiet)
    with shown(quiet=quiet) as progress:
        copied = source.copy(version, Registry.open(target), aliases=alias or (), progress=progress)
    if not quiet and copied.created:
        say(f"Copied {version} to {target} as {copied.version}.")
    elif not quiet:
        say(f"{target} has {version} already, as {copied.version}.")
    for warning in () if quiet else damage_warnings(copied):
        say(warning)
    if json:
        print_json(registered_json(copied))
    else:
        print_raw(copied.version.reference)
