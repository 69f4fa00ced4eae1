"""modelreg init."""

from typing import Annotated

from modelreg.cli.options import JsonOption, QuietOption
from modelreg.cli.output import print_json, print_raw, say
from modelreg.cli.parameters import Argument


def init(
    url: Annotated[
        str | None,
        Argument(
            metavar="[URL]", help="A folder, s3://bucket/folder or gs://bucket/folder. Default: as for every command."
        ),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a registry. It is seen to that the folder or the bucket can hold one.

    It may be left out: the first version registered does the same.

    Example: modelreg init s3://models/team
    """
    from modelreg.registry import Registry

    registry = Registry.open(url)
    made = registry.init()
    if json:
        print_json({"registry": registry.url, "created": made})
        return
    print_raw(registry.url)
    if not quiet:
        say("Made the registry." if made else "It is a registry already.")
