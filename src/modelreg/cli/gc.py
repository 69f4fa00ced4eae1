"""modelreg gc."""

from typing import TYPE_CHECKING, Annotated

from modelreg.cli.options import JsonOption, NoInputOption, QuietOption, RegistryOption, YesOption
from modelreg.cli.output import print_json, print_raw, say, size_text, tell_damage
from modelreg.cli.parameters import Option

if TYPE_CHECKING:
    from modelreg.registry.gc import Collected


def gc(
    apply: Annotated[bool, Option("--apply", help="Remove them; otherwise only say what would be.")] = False,
    grace: Annotated[
        str, Option("--grace", metavar="TIME", help="Keep what is younger, or was deleted more recently.")
    ] = "24h",
    yes: YesOption = False,
    no_input: NoInputOption = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Remove the files of deleted versions. And of uploads that came to nothing. A dry run unless --apply is given.

    Example: modelreg gc --apply --grace 7d
    """
    from modelreg.cli.questions import confirm
    from modelreg.errors import IntegrityError
    from modelreg.registry import Registry
    from modelreg.registry.gc import GRACE
    from modelreg.times import duration

    opened = Registry.open(registry)
    kept = duration(grace)
    if apply and kept < GRACE:
        confirm(
            f"Remove files of versions deleted less than 24 hours ago from {opened.url}, for good?",
            yes=yes,
            no_input=no_input,
        )
    damage: list[IntegrityError] = []
    collected = opened.gc(apply=apply, grace=kept, on_damage=damage.append)
    if json:
        garbage = [one._asdict() for one in collected.garbage]
        print_json({**collected._asdict(), "garbage": garbage, "size": collected.size})
    elif quiet:
        for one in collected.garbage:
            print_raw(f"{one.model}/{one.upload}")
    else:
        _print(collected, grace if kept else "")
    tell_damage(damage)


def _print(collected: "Collected", grace: str) -> None:
    for garbage in collected.garbage:
        of = ", ".join(garbage.versions) or "an upload that came to nothing"
        print_raw(f"{garbage.model}/{garbage.upload}  {size_text(garbage.size)}  {of}")
    if collected.leftovers:
        print_raw(f"half-written files of writers that were killed  {size_text(collected.leftovers)}")
    if not collected.size and not collected.garbage:
        stays = f" What began, or was deleted, less than {grace} ago stays; see --grace." if grace else ""
        say(f"Nothing to collect.{stays}")
    elif collected.applied:
        say(f"Freed {size_text(collected.size)}.")
    else:
        say(f"This would free {size_text(collected.size)}; do it with modelreg gc --apply.")
