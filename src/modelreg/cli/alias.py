"""modelreg alias set, rm, list and rollback."""

from typing import TYPE_CHECKING, Annotated

from modelreg.cli.options import (
    JsonOption,
    ModelArgument,
    QuietOption,
    ReferenceArgument,
    RegistryOption,
    RequiredModelArgument,
    WhyOption,
)
from modelreg.cli.output import minute, print_json, print_raw, print_table, say, say_seen
from modelreg.cli.parameters import Argument, Group, Option

if TYPE_CHECKING:
    from modelreg.registry.alias import Moved

AliasArgument = Annotated[
    str,
    Argument(metavar="NAME", help="The alias, such as production.", completes="alias"),
]


def set_(
    reference: ReferenceArgument,
    name: AliasArgument,
    why: WhyOption = "",
    force: Annotated[bool, Option("--force", help="Move it even if somebody else does at the same moment.")] = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Point an alias at a version.

    Example: modelreg alias set fraud:3 production --why "passed review"
    """
    from modelreg.registry import Registry

    _tell(Registry.open(registry).set_alias(reference, name, why=why, force=force), json=json, quiet=quiet)


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


def list_(
    model: ModelArgument = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List aliases, of one model or of all. It says where they point, since when, by whom and why.

    Example: modelreg alias list fraud
    """
    from modelreg.registry import Registry

    opened = Registry.open(registry)
    found = opened.aliases(model)
    if not quiet:
        say_seen(opened.last_seen, model or opened.url)
    if json:
        print_json({"aliases": [one._asdict() for one in found]})
    elif quiet:
        for one in found:
            print_raw(f"{one.model}@{one.alias}")
    elif not found:
        say(f"There are no aliases in {model or opened.url}. Make one: modelreg alias set fraud:3 production")
    else:
        rows = [
            (f"{one.model}@{one.alias}", f"{one.model}:{one.version}", minute(one.moved), one.by, one.why)
            for one in found
        ]
        print_table(("ALIAS", "VERSION", "SINCE (UTC)", "BY", "WHY"), rows)


def _tell(moved: "Moved", *, json: bool, quiet: bool) -> None:
    reference = f"{moved.model}:{moved.after}" if moved.after is not None else ""
    if not quiet:
        name = f"{moved.model}@{moved.alias}"
        before = f" (was {moved.model}:{moved.before})" if moved.before is not None else ""
        where = f"points at {reference}" if reference else "is removed"
        say(f"{name} {where}{before if moved.moved else ' already'}.")
    if json:
        print_json(moved._asdict())
    elif reference:
        print_raw(reference)


alias = Group(
    "Names that point at versions and can move, with a history.",
    {"set": set_, "rm": remove, "rollback": roll_back, "list": list_},
)
