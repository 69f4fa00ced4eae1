"""Building the image of a version: the Dockerfile, the folder it is built in, the engine, and the digest it gets."""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from modelreg.environment import probe
from modelreg.environment.record import Environment
from modelreg.environment.selection import Selected
from modelreg.errors import (
    EnvironmentMismatchError,
    ImageRegistryError,
    NotFoundError,
    PackageIndexError,
    UsageError,
)
from modelreg.export import why_unavailable
from modelreg.export.archives import Archives, find_archives, recorded
from modelreg.export.subject import subject_of
from modelreg.files import write_text
from modelreg.image import check
from modelreg.image.dockerfile import Recipe, default_base, dockerfile
from modelreg.image.engine import Engine, find_engine
from modelreg.image.reference import ImageReference
from modelreg.image.stage import expectation, needed, requirements_text, stages
from modelreg.install.installer import find_installer
from modelreg.manifest import Manifest
from modelreg.progress import ProgressCallback
from modelreg.registry.image import check_target
from modelreg.registry.pull import pull
from modelreg.store import Store
from modelreg.version import Version

Tell = Callable[[str], None]


class Order(NamedTuple):
    """How an image is to be built.

    target: `base`, `train` or `serve`. tag: what it is called. base: what `base` stands on, or None for Docker's own
    image of the recorded Python. secrets: files by id. options: what else the engine is told.
    """

    target: str
    tag: str
    push: bool = False
    engine: str | None = None
    base: str | None = None
    secrets: Mapping[str, Path] = {}
    options: tuple[str, ...] = ()
    allow_missing: bool = False


def recipe_of(manifest: Manifest, base: str | None, tell: Tell, *, allow_missing: bool = False) -> Recipe:
    """Return what the Dockerfile of a version is made of.

    base: an image to stand on; where it has no digest, the image registry is asked for the one that its tag has now.
    tell: is told of each step that takes time, and of what is not known.

    Raises:
        EnvironmentMismatchError: a package cannot be installed elsewhere.
        UsageError, NotFoundError, AccessDeniedError, ImageRegistryError: the base cannot be had.
    """
    version, environment = manifest.version, manifest.environment
    subject = subject_of(manifest)
    unavailable = {str(pin): pin for pin in needed(subject.selection) if pin.requirement is None}
    if unavailable and not allow_missing:
        listed = "; ".join(f"{name} ({why_unavailable(pin)})" for name, pin in unavailable.items())
        raise EnvironmentMismatchError(
            f"{version} cannot be built in full: {listed}. --allow-missing leaves them out, and so does the image"
        )
    selection = subject.selection.without(unavailable.keys())
    archives = _archives(needed(selection), environment, tell)
    made = stages(selection, lambda pin: tuple(file.sha256 for file in archives.of(pin)))
    heading = (*subject.heading, "Written by modelreg, which wrote what it copies beside it, into the folder modelreg.")
    return Recipe(environment, made, _labels(version), heading, pinned(base) if base else default_base(environment))


def _labels(version: Version) -> dict[str, str]:
    source = version.source
    return {
        "org.opencontainers.image.title": version.model,
        "org.opencontainers.image.version": str(version.number),
        "org.opencontainers.image.description": version.description,
        "org.opencontainers.image.revision": source.commit if source else "",
        "org.opencontainers.image.source": (source.remote or "") if source else "",
        "modelreg.reference": version.reference,
        "modelreg.record": version.digest,
        "modelreg.environment": version.environment.digest,
        "modelreg.artifact": version.artifact.digest,
    }


def _archives(pins: Iterable[Selected], environment: Environment, tell: Tell) -> Archives:
    """Return the files of packages, as the index lists them; where none can be asked, those that the record names."""
    try:
        return find_archives(pins, environment, find_installer(None), tell)
    except (PackageIndexError, NotFoundError) as error:
        tell(f"No index tells the digests of the packages, so most are installed without: {error}")
        return recorded(pins)


def pinned(name: str) -> ImageReference:
    """Return an image by its digest; where it has none, by the one that its tag has now.

    Raises:
        NotFoundError, AccessDeniedError, ImageRegistryError: the image registry does not say.
    """
    reference = ImageReference.parse(name)
    if reference.digest is not None:
        return reference
    # Imported here: what has a digest needs no HTTP.
    from modelreg.image.remote import RemoteImage

    return ImageReference.parse(f"{reference}@{RemoteImage(reference).current_digest()}")


def write_context(
    store: Store, manifest: Manifest, recipe: Recipe, folder: Path, progress: ProgressCallback | None = None
) -> None:
    """Write the Dockerfile and all that it copies: requirements, the check with what it expects, and the model.

    Raises:
        ConflictError: the folder holds other files.
        AccessDeniedError: it cannot be written.
    """
    beside = folder / "modelreg"
    pull(store, manifest, beside / "model", force=False, progress=progress)  # makes the folders, too
    write_text(folder / "Dockerfile", dockerfile(recipe))
    for script in (probe, check):
        path = Path(str(script.__file__))
        write_text(beside / path.name, path.read_text(encoding="utf-8"))
    for name, stage in recipe.stages.items():
        for requirements, kind in ((stage.hashed, "-hashed"), (stage.plain, "")):
            if requirements:
                write_text(beside / f"{name}{kind}.txt", requirements_text(requirements))
        wanted = expectation(manifest.environment, stage)
        write_text(beside / f"{name}.json", json.dumps(wanted, indent=1, sort_keys=True) + "\n")


def build(
    store: Store,
    manifest: Manifest,
    order: Order,
    *,
    tell: Tell = lambda _: None,
    progress: ProgressCallback | None = None,
) -> ImageReference:
    """Build an image, and push it if it is so ordered; return it, by digest where it was pushed.

    tell: is given each line that the engine prints.

    Raises:
        UsageError: the order makes no sense. NotFoundError: no engine is installed.
        EnvironmentMismatchError: the image would not hold what the manifest says.
        ImageBuildError: the engine could not build it.
        AccessDeniedError, ImageRegistryError: the image registry did not take it, or does not have it afterwards.
    """
    tag = _checked(order)
    engine = find_engine(order.engine)
    recipe = recipe_of(manifest, order.base, tell, allow_missing=order.allow_missing)
    with tempfile.TemporaryDirectory(prefix="modelreg-") as folder:
        context = Path(folder)
        write_context(store, manifest, recipe, context, progress)
        engine.build(
            context,
            order.target,
            str(tag),
            secrets=order.secrets,
            plain_http=recipe.base.is_local,
            options=order.options,
            tell=tell,
        )
    return _pushed(engine, tag, tell) if order.push else tag


def _checked(order: Order) -> ImageReference:
    """Return what is to be built, by name, if the order makes sense."""
    check_target(order.target)
    tag = ImageReference.parse(order.tag)
    if tag.digest is not None:
        raise UsageError(f"{order.tag}: a digest is what comes of a build; give a tag, as in registry/team/fraud:3")
    for path in order.secrets.values():
        if not path.is_file():
            raise UsageError(f"there is no file {path} to be given as a secret")
    return tag


def _pushed(engine: Engine, tag: ImageReference, tell: Tell) -> ImageReference:
    """Push an image, and return it by the digest that the image registry gives for it."""
    pushed = tag.at(engine.push(str(tag), plain_http=tag.is_local, tell=tell))
    # Imported here: what is not pushed needs no HTTP.
    from modelreg.image.remote import RemoteImage

    digest = RemoteImage(pushed).current_digest()
    if digest != pushed.digest:
        raise ImageRegistryError(f"{tag.host} gives {digest} for what was pushed as {pushed}; push it again")
    return pushed
