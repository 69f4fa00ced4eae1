"""modelreg list."""

from modelreg.cli.options import JsonOption, ModelArgument, QuietOption, RegistryOption


def list_(
    model: ModelArgument = None, registry: RegistryOption = None, json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """List the models of the registry, or the versions of one model, newest first.

    Example: modelreg list fraud
    """
    from modelreg.cli.answers import print_models, print_versions
    from modelreg.cli.output import warn
    from modelreg.errors import IntegrityError
    from modelreg.registry import Registry

    opened = Registry.open(registry)
    damage: list[IntegrityError] = []
    form = "json" if json else "quiet" if quiet else "text"
    if model is None:
        print_models(opened, opened.models(damage.append), form)
    else:
        print_versions(opened.versions(model, damage.append), form)
    for error in damage[:-1]:
        warn(str(error))
    if damage:
        raise damage[-1]
