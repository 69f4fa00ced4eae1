"""modelreg register."""

from pathlib import Path
from typing import Annotated

from modelreg.cli.options import (
    AliasOption,
    JsonOption,
    MetricOption,
    PythonOption,
    QuietOption,
    RegistryOption,
    TagOption,
)
from modelreg.cli.output import print_json, print_raw, say
from modelreg.cli.parameters import Argument, Option


def register(
    path: Annotated[Path, Argument(metavar="PATH", help="The model: a file or a folder.")],
    name: Annotated[
        str | None,
        Argument(metavar="[NAME]", help="The model's name. Default: pyproject.toml's, else the file's stem."),
    ] = None,
    python: PythonOption = None,
    alias: AliasOption = None,
    tag: TagOption = None,
    metric: MetricOption = None,
    param: Annotated[list[str] | None, Option("--param", metavar="K=V", help="A parameter; may be repeated.")] = None,
    description: Annotated[str, Option("--description", metavar="TEXT", help="What this version is.")] = "",
    group: Annotated[
        list[str] | None,
        Option(
            "--group",
            metavar="GROUP=FILE",
            help="What serve or train needs: a requirements file, a group of pyproject.toml, or requirements; may be "
            "repeated.",
        ),
    ] = None,
    if_changed: Annotated[
        bool, Option("--if-changed", help="Where bytes and environment are those of a version, print that one.")
    ] = False,
    allow_mismatch: Annotated[
        bool, Option("--allow-mismatch", help="Take a model made with other versions than the environment's.")
    ] = False,
    strict_env: Annotated[
        bool, Option("--strict-env", help="Refuse (exit 3) what cannot be built again elsewhere.")
    ] = False,
    image: Annotated[
        list[str] | None,
        Option("--image", metavar="TARGET=IMAGE", help="An image with this environment: serve=registry/fraud:3."),
    ] = None,
    no_image_check: Annotated[
        bool, Option("--no-image-check", help="Ask no image registry; the image needs a digest.")
    ] = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Store a model with the environment it needs as a new version.

    Prints its reference: fraud:3. Bytes that the registry has already are not stored again.

    Example: modelreg register model.pkl fraud --metric auc=0.93
    """
    from modelreg.cli.answers import registered_json, registered_text
    from modelreg.cli.pairs import lists, pairs
    from modelreg.cli.progress import shown
    from modelreg.environment.capture import capture
    from modelreg.environment.interpreter import find_interpreter
    from modelreg.registry import Registry

    captured = capture(find_interpreter(python), in_process=True)
    with shown(quiet=quiet) as progress:
        registered = Registry.open(registry).register(
            path,
            name,
            capture=captured,
            tags=pairs("--tag", tag),
            metrics=pairs("--metric", metric),
            params=pairs("--param", param),
            description=description,
            aliases=alias or (),
            groups=lists("--group", group),
            if_changed=if_changed,
            allow_mismatch=allow_mismatch,
            strict_env=strict_env,
            images=pairs("--image", image),
            check_images=not no_image_check,
            progress=progress,
        )
    if not quiet:
        for line in registered_text(registered, captured):
            say(line)
    if json:
        print_json(registered_json(registered))
    else:
        print_raw(registered.version.reference)
