"""modelreg diff."""

import os
import re
import sys
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

from modelreg.cli.options import JsonOption, QuietOption, ReferenceArgument, RegistryOption
from modelreg.cli.output import clean, print_json, print_raw, say
from modelreg.cli.parameters import Argument, Option

if TYPE_CHECKING:
    from modelreg.difference import Change

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_COLOURS = {"added": "32", "removed": "31", "changed": "33"}
"""Green, red and yellow, as terminals number them (ECMA-48, SGR)."""
_SHA256 = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
_PARTS = {
    "file": "Files",
    "python": "Python",
    "platform": "Platform",
    "package": "Packages",
    "metric": "Metrics",
    "param": "Parameters",
    "tag": "Tags",
    "image": "Images",
    "import": "Imports of the pickle",
    "source": "Source",
    "description": "Description",
}


def diff(
    reference: ReferenceArgument,
    other: Annotated[
        str | None,
        Argument(metavar="[REF]", help="The version to compare with.", completes="reference"),
    ] = None,
    python: Annotated[
        str | None,
        Option(
            "--python", metavar="PYTHON", help="Compare with the environment of this interpreter, or folder, instead."
        ),
    ] = None,
    at: Annotated[
        str | None,
        Option("--at", metavar="TIME", help="What the first REF pointed at then: 2026-11-01 (its end, UTC) or a time."),
    ] = None,
    exit_code: Annotated[bool, Option("--exit-code", help="Exit with 3 if anything differs.")] = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Say what changed from one version to another. Or, with --python, to an environment.

    Example: modelreg diff fraud@production fraud:4
    """
    from modelreg.cli.versions import open_version
    from modelreg.environment.capture import capture
    from modelreg.environment.interpreter import find_interpreter
    from modelreg.errors import UsageError

    if (other is None) == (python is None):
        raise UsageError("compare a version either with another version or, by --python, with an environment")
    opened, before = open_version(registry, reference, at, quiet=quiet)
    after = (
        open_version(registry, other, quiet=quiet)[1]
        if other is not None
        else capture(find_interpreter(python), in_process=True)
    )
    changes = opened.diff(before, after)
    if json:
        names = {"before": before.reference, "after": str(after) if other is not None else python}
        print_json({**names, "changes": [_json(change) for change in changes]})
    elif quiet:
        for part in dict.fromkeys(change.part for change in changes):
            print_raw(part)
    else:
        _print(changes, f"{before} and {after if other is not None else python}")
    if exit_code and changes:
        sys.exit(3)


def _print(changes: "Sequence[Change]", compared: str) -> None:
    if not changes:
        say(f"Nothing differs between {compared}.")
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for part, group in groupby(changes, lambda change: change.part):
        print_raw(_PARTS[part])
        members = list(group)
        width = max(len(clean(change.name)) for change in members)
        for change in members:
            name = f"{clean(change.name):{width}}  " if width else ""
            line = f"  {_SIGNS[change.kind]} {name}{clean(_values(change))}"
            print_raw(f"\x1b[{_COLOURS[change.kind]}m{line}\x1b[0m" if coloured else line)


def _values(change: "Change") -> str:
    values = " -> ".join(value or "(none)" for value in (change.before, change.after) if value is not None)
    return _SHA256.sub(r"\1", values) + (f"  ({change.note})" if change.note else "")


def _json(change: "Change") -> dict[str, object]:
    return change._asdict() | {"kind": change.kind}
