"""modelreg show."""

import sys

from modelreg.cli.options import AtOption, JsonOption, QuietOption, ReferenceArgument, RegistryOption
from modelreg.cli.output import print_json, print_raw


def show(
    reference: ReferenceArgument,
    at: AtOption = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Print the manifest of a version, as YAML.

    It says what was registered, by whom, from where, and with which environment. On a terminal, what it repeats for
    verify-env is left out.

    Example: modelreg show fraud:3
    """
    from modelreg.cli.versions import open_version

    opened, version = open_version(registry, reference, at, quiet=quiet)
    if quiet:
        print_raw(version.reference)
        return
    manifest = opened.show(version)
    if json:
        print_json(manifest.to_mapping() | {"aliases": list(manifest.version.aliases)})
    else:
        if version.aliases:
            print_raw(f"# Aliases: {', '.join(version.aliases)}.")
        print_raw(manifest.to_text() if sys.stdout.isatty() else manifest.to_yaml(), end="")
