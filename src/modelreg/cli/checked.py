"""What `verify-env` looks at: an interpreter, a lock file, an image that is named, or what each version names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from modelreg.environment.capture import Capture, answer, capture
from modelreg.environment.interpreter import Asked, find_interpreter
from modelreg.progress import ProgressCallback
from modelreg.registry.verify import Found, lock_file

if TYPE_CHECKING:
    from modelreg.environment.policy import Terms
    from modelreg.events import ImageNote

RECORDED = "recorded"
"""What stands for the image that a version names itself."""


class Checked(NamedTuple):
    """The environment to be checked: `python`'s, or, where `image` is given, that of an image.

    python is then a path in the image. platform: which one of a multi-platform image. lock: a file that an environment
    is to be built from, instead of both. asked: the interpreter, where it was asked already.
    """

    python: str | None
    image: str | None = None
    platform: str | None = None
    progress: ProgressCallback | None = None
    lock: str | None = None
    asked: Asked | None = None

    @property
    def is_recorded(self) -> bool:
        """Whether each version names its own image."""
        return self.lock is None and self.image == RECORDED

    def capture(self) -> Found:
        """Capture what is the same for every model, which it is unless each names its own."""
        if self.lock is not None:
            return lock_file(self.lock)
        if self.image is None:
            if self.asked is not None:
                # Most models name something that is looked up; what that takes is loaded while the interpreter answers.
                import modelreg.imports.lookup  # noqa: F401

                return answer(self.asked, whole=False)
            return capture(find_interpreter(self.python), in_process=True, whole=False)
        # Imported here: few environments are in images.
        from modelreg.image.capture import capture_image
        from modelreg.image.opening import open_image

        return capture_image(open_image(self.image, self.platform), self.python, self.progress)

    def recorded(
        self, images: "Mapping[str, ImageNote]", reference: str, groups: Mapping[str, object] | None, terms: "Terms"
    ) -> "tuple[Capture, Terms]":
        """Capture the image that a version names for the group of `terms`, and say on which terms it is compared.

        Without groups of packages every image of a version holds the same.
        """
        from modelreg.registry.image import capture_recorded, recorded_image

        target, note = recorded_image(images, terms.group, reference)
        found = capture_recorded(note._replace(platform=self.platform or note.platform), self.python, self.progress)
        return found, terms._replace(group=target if target in (groups or {}) else None)
