"""What `verify-env` looks at: an interpreter, a lock file, an image that is named, or what each version names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from modelreg.environment.capture import Capture, answer, capture
from modelreg.environment.interpreter import Asked, find_interpreter
from modelreg.errors import UsageError
from modelreg.progress import ProgressCallback
from modelreg.registry.verify import lock_file

if TYPE_CHECKING:
    from modelreg.environment.policy import Terms
    from modelreg.events import ImageNote
    from modelreg.lock.reading import LockFile

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

    def capture(self) -> "Capture | LockFile | None":
        """Capture what is the same for every model; None where each names its own.

        Raises:
            UsageError: both a lock and an environment or an image are given.
        """
        if self.lock is not None:
            if self.python is not None or self.image is not None:
                raise UsageError("--lock checks what is not built yet, --python and --image what is; give one of them")
            return lock_file(self.lock)
        if self.image is None:
            if self.asked is not None:
                return answer(self.asked, whole=False)
            return capture(find_interpreter(self.python), in_process=True, whole=False)
        if self.image == RECORDED:
            return None
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
