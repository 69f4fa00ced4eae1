"""Images that hold a version's environment: looked at, compared with its pins, and recorded by digest."""

from collections.abc import Mapping
from typing import NamedTuple

from modelreg.environment.capture import Capture
from modelreg.environment.compare import Comparison, compare
from modelreg.environment.expected import Expected
from modelreg.environment.policy import Terms
from modelreg.environment.record import Environment
from modelreg.errors import EnvironmentMismatchError, NotFoundError, UsageError
from modelreg.events import TARGETS, ImageNote
from modelreg.image.document import ImagePlatform
from modelreg.image.reference import ImageReference
from modelreg.progress import ProgressCallback
from modelreg.version import Version

_SHOWN = 3  # differences that an error names


class Attached(NamedTuple):
    """An image that was recorded for a target. comparison: with the pins; None where it was not looked at."""

    target: str
    image: ImageNote
    comparison: Comparison | None


def look_at_image(
    name: str,
    target: str,
    expected: Expected,
    *,
    platform: str | None = None,
    check: bool = True,
    allow_mismatch: bool = False,
    progress: ProgressCallback | None = None,
) -> Attached:
    """Return what is to be recorded of an image: its digest as it is at this moment, its platform, and whether it fits.

    The arguments and the errors are those of `Registry.attach_image`.
    """
    check_target(target)
    reference = ImageReference.parse(name)
    if not check:
        if reference.digest is None:
            raise UsageError(f"{name} has no digest, and a tag alone is not recorded; give it as {name}@sha256:…")
        given = str(ImagePlatform.parse(platform)) if platform else None
        return Attached(target, ImageNote(str(reference), given), None)
    # Imported here: what needs no image registry needs no HTTP.
    from modelreg.image.capture import capture_image
    from modelreg.image.opening import open_image

    image = open_image(str(reference), platform, prefer=platform_of(expected.environment))
    pinned = reference.at(image.digest)
    captured = capture_image(image, progress=progress)
    terms = Terms(group=target if target in (expected.groups or {}) else None)
    comparison = compare(expected, captured.environment, terms, captured.duplicates, unplaced=captured.unplaced)
    if not comparison.fits and not allow_mismatch:
        raise EnvironmentMismatchError(
            f"{pinned} does not fit: {_told(comparison)}; build it anew, or say --allow-mismatch"
        )
    return Attached(target, ImageNote(str(pinned), str(image.platform), comparison.fits), comparison)


def recorded_image(images: Mapping[str, ImageNote], target: str | None, reference: str) -> tuple[str, ImageNote]:
    """Return the image recorded for a target, with that; without one, for serving, or else the only one.

    Raises:
        NotFoundError: there is none.
        UsageError: there are several, none of them for serving.
    """
    names = ", ".join(images) or "none"
    if target is not None:
        check_target(target)
    chosen = target or ("serve" if "serve" in images or len(images) != 1 else next(iter(images)))
    if chosen in images:
        return chosen, images[chosen]
    if target is None and images:
        raise UsageError(f"{reference} has no image for serving, but for {names}; choose one with --group")
    raise NotFoundError(
        f"{reference} has no image for {chosen} (recorded: {names}); record one: "
        f"modelreg image attach {reference} IMAGE --target {chosen}"
    )


def attached_image(version: Version, target: str) -> ImageNote:
    """Return the image that is to be detached from a target.

    Raises:
        NotFoundError: there is none.
        UsageError: there is no such target.
    """
    check_target(target)
    if target not in version.images:
        others = f"; it has images for {', '.join(version.images)}" if version.images else ""
        raise NotFoundError(f"{version} has no image for {target} to detach{others}")
    return version.images[target]


def capture_recorded(image: ImageNote, python: str | None, progress: ProgressCallback | None) -> Capture:
    """Capture the environment of an image that was recorded.

    Raises:
        NotFoundError: it is not there any more.
        IntegrityError, AccessDeniedError, ImageRegistryError: it cannot be read.
    """
    from modelreg.image.capture import capture_image
    from modelreg.image.opening import open_image

    return capture_image(open_image(image.reference, image.platform), python, progress)


def platform_of(environment: Environment) -> ImagePlatform | None:
    """Return which platform's image an environment would be in; None where it comes from a system without images."""
    platform = environment.platform
    return ImagePlatform.of_machine("linux", platform.machine) if platform.system == "linux" else None


def check_target(target: str) -> None:
    """Check the name of a target.

    Raises:
        UsageError: it is none.
    """
    if target not in TARGETS:
        raise UsageError(f"{target!r} is no target of an image; there are {', '.join(TARGETS)}")


def _told(comparison: Comparison) -> str:
    errors = [str(fault) for fault in comparison.faults]
    more = f"; and {len(errors) - _SHOWN} differences more" if len(errors) > _SHOWN else ""
    return "; ".join(errors[:_SHOWN]) + more
