"""modelreg cache dir, list and prune."""

from typing import Annotated

from modelreg.cli.options import JsonOption, QuietOption
from modelreg.cli.output import count_text, minute, print_json, print_raw, print_table, say, size_text
from modelreg.cli.parameters import Group, Option


def dir_(json: JsonOption = False) -> None:
    """Print the folder of the cache.

    Example: modelreg cache dir
    """
    from modelreg.settings import cache_folder

    folder = str(cache_folder())
    if json:
        print_json({"folder": folder})
    else:
        print_raw(folder)


def list_(json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List the versions of which files are in the cache, the one that was used last first.

    Example: modelreg cache list
    """
    from datetime import UTC, datetime

    from modelreg.cache.local import LocalCache
    from modelreg.times import timestamp

    local = LocalCache.open()
    used = {kept: timestamp(datetime.fromtimestamp(kept.used, UTC)) for kept in local.inventory.versions()}
    size = local.inventory.size()
    if json:
        versions = [kept._asdict() | {"used": when} for kept, when in used.items()]
        print_json({"folder": str(local.folder), "size": size, "bound": local.most, "versions": versions})
        return
    if quiet:
        for kept in used:
            print_raw(kept.reference)
        return
    rows = [
        (kept.reference, kept.registry, f"{kept.kept_files} of {kept.files}", size_text(kept.kept_size), minute(when))
        for kept, when in used.items()
    ]
    if rows:
        print_table(("VERSION", "REGISTRY", "FILES", "SIZE", "USED (UTC)"), rows, right=("FILES", "SIZE"))
    say(f"{size_text(size)} of at most {size_text(local.most)} in {local.folder}.")


def prune(
    apply: Annotated[bool, Option("--apply", help="Remove it; otherwise only say what would be.")] = False,
    unused_for: Annotated[
        str | None, Option("--unused-for", metavar="TIME", help="Only what was not used for so long: 30d, 12h.")
    ] = None,
    to: Annotated[
        str | None,
        Option("--to", metavar="SIZE", help="Only until no more than this is left, the longest unused first: 5GB."),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Remove what is in the cache: all of it, or what was not used for longest. A dry run unless --apply is given.

    Example: modelreg cache prune --unused-for 30d --apply
    """
    from datetime import timedelta

    from modelreg.cache.local import LocalCache
    from modelreg.sizes import parse_size
    from modelreg.times import duration

    unused = duration(unused_for) if unused_for is not None else timedelta()
    most = parse_size(to) if to is not None else 0
    pruned = LocalCache.open().inventory.prune(unused_for=unused, most=most, apply=apply)
    if json:
        print_json(pruned._asdict())
    elif quiet:
        print_raw(str(pruned.size))
    elif not pruned.files:
        say("Nothing to remove.")
    else:
        what = f"{count_text(pruned.files, 'file')}, {size_text(pruned.size)}"
        say(f"Removed {what}." if apply else f"This would remove {what}; do it with modelreg cache prune --apply.")


cache = Group(
    "What this machine keeps of buckets, versions and images.",
    {"dir": dir_, "list": list_, "prune": prune},
)
