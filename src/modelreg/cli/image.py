"""modelreg image attach, show and list."""

from typing import TYPE_CHECKING, Annotated

import typer

from modelreg.cli.options import JsonOption, ModelArgument, QuietOption, ReferenceArgument, RegistryOption

if TYPE_CHECKING:
    from modelreg.version import Version

image = typer.Typer(
    help="Images that hold a version's environment, recorded by digest.", no_args_is_help=True, rich_markup_mode=None
)

PlatformOption = Annotated[
    str | None,
    typer.Option(
        "--platform", metavar="OS/ARCH", help="Which one of a multi-platform image. Default: the environment's."
    ),
]


@image.command("attach")
def attach(
    reference: ReferenceArgument,
    name: Annotated[
        str, typer.Argument(metavar="IMAGE", help="registry/team/fraud:3, or …@sha256:…", show_default=False)
    ],
    target: Annotated[str, typer.Option("--target", metavar="TARGET", help="base, train or serve.")] = "serve",
    platform: PlatformOption = None,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Ask no image registry, as where none can be reached; needs a digest.")
    ] = False,
    allow_mismatch: Annotated[
        bool, typer.Option("--allow-mismatch", help="Record an image that does not fit, too.")
    ] = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Record an image that was built elsewhere. Its tag is resolved to a digest at this moment.

    The image is compared with the version's pins, without an engine. Prints the image with its digest.

    Example: modelreg image attach fraud:3 registry.example/team/fraud:3
    """
    from modelreg.cli.output import say
    from modelreg.cli.progress import shown
    from modelreg.registry import Registry

    opened = Registry.open(registry)
    version = opened.resolve(reference)
    with shown(quiet=quiet) as progress:
        attached = opened.attach_image(
            version,
            name,
            target=target,
            platform=platform,
            check=not no_check,
            allow_mismatch=allow_mismatch,
            progress=progress,
        )
    if not quiet:
        verdict = {True: "it fits the pins", False: "it does NOT fit the pins", None: "it was not looked at"}
        say(f"{version} has this image for {target}; {verdict[attached.image.fits]}.")
    _print_images(opened.resolve(version.reference), attached.target, json=json)


@image.command("show")
def show(
    reference: ReferenceArgument,
    target: Annotated[
        str | None, typer.Option("--target", metavar="TARGET", help="Only that for base, train or serve.")
    ] = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Print the images of a version.

    Example: docker run "$(modelreg image show fraud:3 --target serve -q)"
    """
    from modelreg.cli.output import say
    from modelreg.registry import Registry
    from modelreg.registry.image import recorded_image

    version = Registry.open(registry).resolve(reference)
    if target is not None:
        recorded_image(version.images, target, version.reference)
    if json or quiet or target is not None:
        _print_images(version, target, json=json)
    elif not version.images:
        say(f"{version} has no images. Record one: modelreg image attach {version} IMAGE --target serve")
    else:
        _print_table([version])


@image.command("list")
def list_(
    model: ModelArgument = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the images of all versions, or of one model's.

    Example: modelreg image list fraud
    """
    from modelreg.cli.output import print_json, say
    from modelreg.registry import Registry
    from modelreg.search import Query

    opened = Registry.open(registry)
    versions = [version for version in opened.find(Query(), model) if version.images]
    if json:
        print_json({"images": [one for version in versions for one in _json(version)]})
    elif quiet:
        for version in versions:
            _print_images(version, None, json=False)
    elif not versions:
        say(f"There are no images in {model or opened.url}. Record one: modelreg image attach fraud:3 IMAGE")
    else:
        _print_table(versions)


def _print_images(version: "Version", target: str | None, *, json: bool) -> None:
    from modelreg.cli.output import print_json

    if json:
        found = _json(version)
        print_json({"images": [one for one in found if target in (None, one["target"])]})
        return
    for name, note in version.images.items():
        if target in (None, name):
            typer.echo(note.reference)


def _print_table(versions: "list[Version]") -> None:
    from modelreg.cli.output import print_table

    verdicts = {True: "yes", False: "NO", None: "not known"}
    rows = [
        (version.reference, target, note.reference, note.platform or "not known", verdicts[note.fits])
        for version in versions
        for target, note in version.images.items()
    ]
    print_table(("VERSION", "TARGET", "IMAGE", "PLATFORM", "FITS"), rows, extra=("PLATFORM",))


def _json(version: "Version") -> list[dict[str, object]]:
    from dataclasses import asdict

    return [{"version": version.reference, "target": target, **asdict(note)} for target, note in version.images.items()]
