"""modelreg doctor."""

import sys
from typing import Annotated

from modelreg.cli.options import JsonOption, QuietOption, RegistryOption
from modelreg.cli.output import print_json, print_line
from modelreg.cli.parameters import Argument, Option

VERSION = 1
"""The version of the JSON document. It rises when a field is removed or changes its meaning, not when one is added."""


def doctor(
    references: Annotated[
        list[str] | None,
        Argument(metavar="[REF]...", help="With --deep: read these versions alone.", completes="reference"),
    ] = None,
    deep: Annotated[
        bool, Option("--deep", help="Also read every byte of all versions, and compare it with what was registered.")
    ] = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Look a registry over. Can it be reached, read, written to and trusted, and is anything left lying?

    The exit code is that of the first fault. Nothing is written.

    Example: modelreg doctor --registry s3://models/team
    """
    from modelreg.cli.progress import shown
    from modelreg.errors import UsageError
    from modelreg.registry import Registry

    if references and not deep:
        raise UsageError("versions are read with --deep alone; add it, or leave them out")
    opened = Registry.open(registry)
    with shown(quiet=quiet) as progress:
        found = tuple(opened.examine(references or (), deep=deep, progress=progress))
    code = next((diagnosis.exit_code for diagnosis in found if diagnosis.exit_code), 0)
    if json:
        findings = [diagnosis._asdict() for diagnosis in found]
        print_json({"format": VERSION, "registry": opened.url, "exit_code": code, "findings": findings})
    elif quiet:
        for diagnosis in found:
            if diagnosis.exit_code:
                print_line(diagnosis.what)
    else:
        for diagnosis in found:
            print_line(f"{'FAIL' if diagnosis.exit_code else 'ok':4}  {diagnosis.what:9}  {diagnosis.found}")
    sys.exit(code)
