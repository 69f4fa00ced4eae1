"""modelreg annotate."""

from typing import Annotated

from modelreg.cli.options import JsonOption, MetricOption, QuietOption, ReferenceArgument, RegistryOption, TagOption
from modelreg.cli.output import print_json, print_raw, say
from modelreg.cli.parameters import Option


def annotate(
    reference: ReferenceArgument,
    tag: TagOption = None,
    metric: MetricOption = None,
    description: Annotated[str | None, Option("--description", metavar="TEXT", help="Replace the description.")] = None,
    remove_tag: Annotated[
        list[str] | None, Option("--remove-tag", metavar="K", help="Remove a tag; may be repeated.")
    ] = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Add facts to a version after it was registered. What was registered stays; history tells both.

    Example: modelreg annotate fraud:3 --metric auc_live=0.91 --tag ok=anna
    """
    from modelreg.cli.answers import version_json
    from modelreg.cli.pairs import pairs
    from modelreg.registry import Registry

    version = Registry.open(registry).annotate(
        reference,
        tags=pairs("--tag", tag),
        metrics=pairs("--metric", metric),
        description=description,
        remove_tags=remove_tag or (),
    )
    if not quiet:
        said = [f"{name}={value}" for name, value in {**version.tags, **version.metrics}.items()]
        say(f"{version} now has {', '.join(said) or 'no tags and no metrics'}.")
    if json:
        print_json(version_json(version))
    else:
        print_raw(version.reference)
