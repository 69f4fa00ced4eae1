"""modelreg doctor."""

import sys

from modelreg.cli.options import JsonOption, RegistryOption
from modelreg.cli.output import print_json, print_raw


def doctor(registry: RegistryOption = None, json: JsonOption = False) -> None:
    """Look a registry over. Can it be reached, read, written to and trusted, and is anything left lying?

    The exit code is that of the first fault. Nothing is written.

    Example: modelreg doctor --registry s3://models/team
    """
    from modelreg.registry import Registry

    found = tuple(Registry.open(registry).examine())
    if json:
        print_json([diagnosis._asdict() for diagnosis in found])
    else:
        for diagnosis in found:
            print_raw(f"{'FAIL' if diagnosis.exit_code else 'ok':4}  {diagnosis.what:9}  {diagnosis.found}")
    sys.exit(next((diagnosis.exit_code for diagnosis in found if diagnosis.exit_code), 0))
