"""modelreg alias set, rm, list and rollback."""

from typing import TYPE_CHECKING, Annotated

import typer

from modelreg.cli.completion import complete_alias, complete_model
from modelreg.cli.options import (
    JsonOption,
    QuietOption,
    ReferenceArgument,
    RegistryOption,
    RequiredModelArgument,
    WhyOption,
)

if TYPE_CHECKING:
    from modelreg.registry.alias import Moved

alias = typer.Typer(
    help="Names that point at versions and can move, with a history.", no_args_is_help=True, rich_markup_mode=None
)

AliasArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="The alias, such as production.", autocompletion=complete_alias, show_default=False
    ),
]


@alias.command("set")
def set_(
    reference: ReferenceArgument,
    name: AliasArgument,
    why: WhyOption = "",
    force: Annotated[
        bool, typer.Option("--force", help="Move it even if somebody else does at the same moment.")
    ] = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Point an alias at a version.

    Example: modelreg alias set fraud:3 production --why "passed review"
    """
    from modelreg.registry import Registry

    _tell(Registry.open(registry).set_alias(reference, name, why=why, force=force), json=json, quiet=quiet)


@alias.command("rm")
def remove(
    model: RequiredModelArgument,
    name: AliasArgument,
    why: WhyOption = "",
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Remove an alias; its history stays.

    Example: modelreg alias rm fraud shadow
    """
    from modelreg.registry import Registry

    _tell(Registry.open(registry).remove_alias(model, name, why=why), json=json, quiet=quiet)


@alias.command("rollback")
def roll_back(
    model: RequiredModelArgument,
    name: AliasArgument,
    why: WhyOption = "",
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Move an alias back to the version before. Done again: to the one before that.

    Example: modelreg alias rollback fraud production --why "false alarms"
    """
    from modelreg.registry import Registry

    _tell(Registry.open(registry).roll_back_alias(model, name, why=why), json=json, quiet=quiet)


@alias.command("list")
def list_(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="Only those of this model.", autocompletion=complete_model, show_default=False
        ),
    ] = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List aliases, of one model or of all. It says where they point, since when, by whom and why.

    Example: modelreg alias list fraud
    """
    from modelreg.cli.output import minute, print_json, print_table, say
    from modelreg.registry import Registry

    opened = Registry.open(registry)
    found = opened.aliases(model)
    if json:
        print_json({"aliases": [one._asdict() for one in found]})
    elif quiet:
        for one in found:
            typer.echo(f"{one.model}@{one.alias}")
    elif not found:
        say(f"There are no aliases in {model or opened.url}. Make one: modelreg alias set fraud:3 production")
    else:
        rows = [
            (f"{one.model}@{one.alias}", f"{one.model}:{one.version}", minute(one.moved), one.by, one.why)
            for one in found
        ]
        print_table(("ALIAS", "VERSION", "SINCE (UTC)", "BY", "WHY"), rows)


def _tell(moved: "Moved", *, json: bool, quiet: bool) -> None:
    from dataclasses import asdict

    from modelreg.cli.output import print_json, say

    reference = f"{moved.model}:{moved.after}" if moved.after is not None else ""
    if not quiet:
        name = f"{moved.model}@{moved.alias}"
        before = f" (was {moved.model}:{moved.before})" if moved.before is not None else ""
        where = f"points at {reference}" if reference else "is removed"
        say(f"{name} {where}{before if moved.moved else ' already'}.")
    if json:
        print_json(asdict(moved))
    elif reference:
        typer.echo(reference)
