"""modelreg restore."""

from typing import Annotated

from modelreg.cli.options import JsonOption, QuietOption, RegistryOption, WhyOption
from modelreg.cli.output import print_json, print_raw, say
from modelreg.cli.parameters import Argument


def restore(
    reference: Annotated[
        str,
        Argument(metavar="REF", help="The version by its number, as in fraud:3.", completes="deleted"),
    ],
    why: WhyOption = "",
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Bring a deleted version back, unless gc has taken its files.

    Example: modelreg restore fraud:2
    """
    from modelreg.registry import Registry

    version = Registry.open(registry).restore(reference, why=why)
    if not quiet:
        say(f"{version} is live.")
    if json:
        print_json({"reference": version.reference, "state": version.state, "why": why})
    else:
        print_raw(version.reference)
