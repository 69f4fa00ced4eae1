"""modelreg image attach, detach, build, show and list."""

from typing import TYPE_CHECKING, Annotated

from modelreg.cli.options import JsonOption, ModelArgument, QuietOption, ReferenceArgument, RegistryOption
from modelreg.cli.output import print_json, print_raw, print_table, say
from modelreg.cli.parameters import Argument, Group, Option

if TYPE_CHECKING:
    from modelreg.version import Version

TargetOption = Annotated[
    str,
    Option("--target", metavar="TARGET", help="base, train or serve.", completes="group"),
]
PlatformOption = Annotated[
    str | None,
    Option("--platform", metavar="OS/ARCH", help="Which one of a multi-platform image. Default: the environment's."),
]


def attach(
    reference: ReferenceArgument,
    name: Annotated[str, Argument(metavar="IMAGE", help="registry/team/fraud:3, or …@sha256:…")],
    target: TargetOption = "serve",
    platform: PlatformOption = None,
    no_check: Annotated[
        bool, Option("--no-check", help="Ask no image registry, as where none can be reached; needs a digest.")
    ] = False,
    allow_mismatch: Annotated[bool, Option("--allow-mismatch", help="Record an image that does not fit, too.")] = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Record an image that was built elsewhere. Its tag is resolved to a digest at this moment.

    The image is compared with the version's pins, without an engine. Prints the image with its digest.

    Example: modelreg image attach fraud:3 registry.example/team/fraud:3
    """
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


def detach(
    reference: ReferenceArgument,
    target: TargetOption = "serve",
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Record that a version has no image for a target any more. Prints the image that it had.

    The image itself stays in its image registry, and the history goes on telling of it.

    Example: modelreg image detach fraud:3 --target train
    """
    from modelreg.registry import Registry

    opened = Registry.open(registry)
    version = opened.resolve(reference)
    detached = opened.detach_image(version, target=target)
    if not quiet:
        say(f"{version} has no image for {target} any more. The image itself stays in its image registry.")
    if json:
        print_json({"version": version.reference, "target": target, "reference": detached.reference})
    else:
        print_raw(detached.reference)


def build(
    reference: ReferenceArgument,
    tag: Annotated[str, Option("--tag", "-t", metavar="IMAGE", help="Its name: registry/team/fraud:3.")],
    target: TargetOption = "serve",
    push: Annotated[bool, Option("--push", help="Push it, and record the digest that it gets.")] = False,
    engine: Annotated[
        str | None,
        Option("--engine", metavar="ENGINE", help="docker, podman or buildah. Default: the first that is here."),
    ] = None,
    base: Annotated[
        str | None,
        Option(
            "--base", metavar="IMAGE", help="What to build on, with a digest. Default: Docker's image of the Python."
        ),
    ] = None,
    secret: Annotated[
        list[str] | None,
        Option("--secret", metavar="ID=FILE", help="For the build alone: pip.conf=FILE or ca.crt=FILE."),
    ] = None,
    engine_option: Annotated[
        list[str] | None,
        Option("--engine-option", metavar="OPTION", help="For the engine, as in --engine-option=--network=host."),
    ] = None,
    allow_missing: Annotated[
        bool, Option("--allow-missing", help="Leave out what cannot be installed elsewhere.")
    ] = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Build the image of a version. What was pushed is read back, compared with the pins, and recorded by digest.

    The build itself checks that it installed what the manifest says.

    Example: modelreg image build fraud:3 -t registry.example/team/fraud:3 --push
    """
    from pathlib import Path

    from modelreg.cli.pairs import pairs
    from modelreg.cli.progress import shown
    from modelreg.registry import Registry
    from modelreg.registry.build import Order

    opened = Registry.open(registry)
    version = opened.resolve(reference)
    secrets = {name: Path(file) for name, file in pairs("--secret", secret).items()}
    order = Order(target, tag, push, engine, base, secrets, tuple(engine_option or ()), allow_missing)
    with shown(quiet=quiet) as progress:
        built = opened.build_image(version, order, tell=(lambda _: None) if quiet else say, progress=progress)
    if not quiet:
        what = "was pushed, and holds what the manifest says" if push else "is on this machine; --push pushes it"
        say(f"The image of {version} for {target} {what}.")
    if json:
        print_json({"version": version.reference, "target": target, "pushed": push, **built._asdict()})
    else:
        print_raw(built.reference)


def show(
    reference: ReferenceArgument,
    target: Annotated[
        str | None,
        Option(
            "--target",
            metavar="TARGET",
            help="Only that for base, train or serve.",
            completes="group",
        ),
    ] = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Print the images of a version.

    Example: docker run "$(modelreg image show fraud:3 --target serve -q)"
    """
    from modelreg.cli.versions import open_version
    from modelreg.errors import NotFoundError
    from modelreg.registry.image import recorded_image

    _, version = open_version(registry, reference, quiet=quiet)
    if target is not None:
        recorded_image(version.images, target, version.reference)
    if quiet and not json and not version.images:
        raise NotFoundError(
            f"{version} has no images; record one: modelreg image attach {version} IMAGE --target serve"
        )
    if json or quiet or target is not None:
        _print_images(version, target, json=json)
    elif not version.images:
        say(f"{version} has no images. Record one: modelreg image attach {version} IMAGE --target serve")
    else:
        _print_table([version])


def list_(
    model: ModelArgument = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the images of all versions, or of one model's.

    Example: modelreg image list fraud
    """
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
    if json:
        found = _json(version)
        print_json({"images": [one for one in found if target in (None, one["target"])]})
        return
    for name, note in version.images.items():
        if target in (None, name):
            print_raw(note.reference)


def _print_table(versions: "list[Version]") -> None:
    verdicts = {True: "yes", False: "NO", None: "not known"}
    rows = [
        (version.reference, target, note.reference, note.platform or "not known", verdicts[note.fits])
        for version in versions
        for target, note in version.images.items()
    ]
    print_table(("VERSION", "TARGET", "IMAGE", "PLATFORM", "FITS"), rows, extra=("PLATFORM",))


def _json(version: "Version") -> list[dict[str, object]]:
    return [
        {"version": version.reference, "target": target, **note._asdict()} for target, note in version.images.items()
    ]


image = Group(
    "Images that hold a version's environment, recorded by digest.",
    {"attach": attach, "detach": detach, "build": build, "show": show, "list": list_},
)
