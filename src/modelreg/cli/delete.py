"""modelreg delete."""

from modelreg.cli.options import (
    JsonOption,
    NoInputOption,
    QuietOption,
    ReferenceArgument,
    RegistryOption,
    WhyOption,
    YesOption,
)
from modelreg.cli.output import print_json, print_raw, say


def delete(
    reference: ReferenceArgument,
    why: WhyOption = "",
    yes: YesOption = False,
    no_input: NoInputOption = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Delete a version. It can be restored until gc has taken its files; its number never comes back.

    Example: modelreg delete fraud:2 --why "trained on leaked labels"
    """
    from modelreg.cli.questions import confirm
    from modelreg.registry import Registry
    from modelreg.registry.delete import refuse_if_aliased

    opened = Registry.open(registry)
    version = opened.resolve(reference)
    refuse_if_aliased(version)  # before anybody is asked
    confirm(f"Delete {version}, registered {version.created[:10]} by {version.created_by}?", yes=yes, no_input=no_input)
    deleted = opened.delete(version, why=why)
    if not quiet:
        say(f"Deleted {deleted}; modelreg restore {deleted} brings it back until gc takes its files.")
    if json:
        print_json({"reference": deleted.reference, "state": deleted.state, "why": why})
    else:
        print_raw(deleted.reference)
