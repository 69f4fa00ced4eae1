"""modelreg show."""

import typer

from modelreg.cli.options import JsonOption, QuietOption, ReferenceArgument, RegistryOption


def show(
    reference: ReferenceArgument, registry: RegistryOption = None, json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """Print the manifest of a version: what was registered, with which environment, as YAML.

    Example: modelreg show fraud:3
    """
    from modelreg.cli.output import print_json
    from modelreg.registry import Registry

    opened = Registry.open(registry)
    if quiet:
        typer.echo(opened.resolve(reference).reference)
        return
    manifest = opened.show(reference)
    if json:
        print_json(manifest.to_mapping() | {"aliases": list(manifest.version.aliases)})
    else:
        typer.echo(manifest.to_yaml(), nl=False)
