"""What a version's environment is for: pulling, verifying, exporting, making it anew, and images of it."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from modelreg.errors import EnvironmentMismatchError
from modelreg.progress import ProgressCallback
from modelreg.reference import Reference
from modelreg.registry.model import ModelReader
from modelreg.registry.reader import RegistryReader
from modelreg.settings import actor
from modelreg.version import Version

if TYPE_CHECKING:
    from modelreg.environment.capture import Capture
    from modelreg.environment.policy import Policy
    from modelreg.events import ImageNote
    from modelreg.export import Exported
    from modelreg.install.rebuild import Rebuilt
    from modelreg.registry.build import Order
    from modelreg.registry.image import Attached
    from modelreg.registry.pull import Pulled
    from modelreg.registry.verify import EnvironmentReport, Found


class RegistryEnvironments(RegistryReader):
    """What is done with the files and the environment of a version; see `Registry`."""

    def pull(
        self,
        reference: str | Reference | Version,
        folder: str | PathLike[str] | None = None,
        *,
        force: bool = False,
        environment: "Capture | None" = None,
        policy: "str | Policy" = "exact",
        group: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> "Pulled":
        """Write a version's files and its manifest, `modelreg.yaml`, into a folder.

        folder: `<model>/<version>` below the working directory when not given. force: replace files that differ.
        environment: refuse, before a byte is downloaded, when it does not fit; policy, group: as in `verify_env`.

        Raises:
            EnvironmentMismatchError: `environment` does not fit.
            ConflictError: the folder holds other files.
            IntegrityError: the registry's bytes are not those that were registered; nothing was written.
        """
        from modelreg.registry.pull import pull

        manifest = self.show(reference)
        version = manifest.version
        if environment is not None:
            report = self.verify_env(version, environment=environment, policy=policy, group=group)
            if not report.fits:
                # Imported here: most environments fit.
                from shlex import quote

                asked = f" --python {quote(str(environment.interpreter))}" if environment.interpreter else ""
                raise EnvironmentMismatchError(
                    f"the environment does not fit {version.reference}, so nothing was pulled: "
                    f"{report.findings[0]}; see modelreg verify-env {version.reference}{asked}"
                )
        target = Path(folder) if folder is not None else Path(version.model, str(version.number))
        return pull(self._store, manifest, target, force=force, progress=progress, cache=self._cache)

    def verify_env(
        self,
        reference: str | Reference | Version,
        *,
        python: str | PathLike[str] | None = None,
        environment: "Found | Callable[[], Found] | None" = None,
        lock: str | PathLike[str] | None = None,
        policy: "str | Policy" = "exact",
        group: str | None = None,
        allow_unchecked: bool = False,
        deep: bool = False,
    ) -> "EnvironmentReport":
        """Compare an environment with the one that a version was registered with.

        python: the interpreter whose environment is captured; see `find_interpreter`. environment: one captured
        already, or what captures it, which is called once the version has been read. lock: a requirements.txt,
        pylock.toml or uv.lock, of which nothing has been built yet, instead. policy: what fails; see `Policy.parse`.
        group: what the environment is for; without it `serve`, where the model has that group. allow_unchecked: what
        could not be checked fails nothing. deep: also look for files that were changed since they were installed.

        Raises:
            UsageError, NotFoundError: as `resolve`; there is no such policy or group.
            EnvironmentUnreadableError: the environment cannot be captured, or the lock not be read.
        """
        from modelreg.environment.capture import capture
        from modelreg.environment.interpreter import find_interpreter
        from modelreg.registry.show import read_environment
        from modelreg.registry.verify import lock_file, todays, verify_version

        version = self._version(reference)
        terms = todays(policy, group, allow_unchecked=allow_unchecked, deep=deep)
        checked = environment if lock is None else lock_file(lock)
        checked = checked or capture(find_interpreter(python), whole=False)
        model = ModelReader(self._seen, version.model)
        return verify_version(version, checked, model, lambda other: read_environment(self._seen, other)[1], terms)

    def export(
        self,
        reference: str | Reference | Version,
        form: str = "requirements",
        *,
        group: str | None = None,
        allow_missing: bool = False,
        prove: bool = False,
        installer: str | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> "Exported":
        """Write a version's environment in another tool's format (`modelreg.export.FORMATS`).

        group: `base`, `train` or `serve`, each with what `base` holds; everything when not given. The rest as
        `modelreg.export.export`.

        Raises:
            UsageError, NotFoundError: as `resolve`; no such format or group.
            EnvironmentMismatchError: it would lack a package.
            PackageIndexError: the index cannot be asked for digests.
        """
        from modelreg.export import export
        from modelreg.export.subject import subject_of

        subject = subject_of(self.show(reference), group)
        return export(subject, form, allow_missing=allow_missing, prove=prove, installer=installer, tell=tell)

    def create_env(
        self,
        reference: str | Reference | Version,
        folder: str | PathLike[str],
        *,
        group: str | None = None,
        python: str | PathLike[str] | None = None,
        installer: str | None = None,
        allow_missing: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> "Rebuilt":
        """Make a virtual environment that holds what a version was registered with, and verify it.

        folder: new or empty; where it holds this environment already, it is left as it is. group: as in `export`.
        python: the interpreter to make it with; the recorded version is looked for when not given. installer: `uv` or
        `pip`; uv where there is one. allow_missing: leave out what cannot be had elsewhere. tell: is told of each step.

        Raises:
            ConflictError: the folder holds something else.
            EnvironmentMismatchError: it would lack a package, or what was installed does not fit and was removed.
            NotFoundError: no such Python, or no index has a pin; also as `resolve`.
            PackageIndexError: an index cannot be reached, or what it serves cannot be installed.
        """
        from modelreg.export.subject import subject_of
        from modelreg.registry.env import create

        subject = subject_of(self.show(reference), group)
        base = None if python is None else Path(python)
        return create(subject, Path(folder), python=base, installer=installer, allow_missing=allow_missing, tell=tell)

    def attach_image(
        self,
        reference: str | Reference | Version,
        image: str,
        *,
        target: str,
        platform: str | None = None,
        check: bool = True,
        allow_mismatch: bool = False,
        progress: ProgressCallback | None = None,
    ) -> "Attached":
        """Record an image that holds a version's environment, by the digest that its name has now.

        target: `base`, `train` or `serve`. platform: which one of a multi-platform image; the environment's when not
        given. check: ask the image registry, and compare the image with the pins; without it a digest must be given.
        allow_mismatch: record it although it does not fit.

        Raises:
            EnvironmentMismatchError: the image does not fit.
            NotFoundError: the image registry does not know the image; also as `resolve`.
            UsageError: it is no image's name, or has no digest; also as `resolve`.
            AccessDeniedError, ImageRegistryError, IntegrityError: the image cannot be read.
        """
        from modelreg.environment.expected import Expected
        from modelreg.registry.annotate import annotate
        from modelreg.registry.image import look_at_image
        from modelreg.registry.show import read_environment

        version = self._version(reference)
        record = version.record
        expected = Expected(read_environment(self._store, version)[1], record.imports, record.groups, record.roles)
        attached = look_at_image(
            image, target, expected, platform=platform, check=check, allow_mismatch=allow_mismatch, progress=progress
        )
        annotate(self._store, version, actor(), images={target: attached.image})
        return attached

    def detach_image(self, reference: str | Reference | Version, *, target: str) -> "ImageNote":
        """Record that a version has no image for a target any more, and return the one it had.

        The image itself is left where it is, and the history goes on telling of it.

        Raises:
            NotFoundError: it has none; also as `resolve`.
            UsageError: there is no such target; also as `resolve`.
        """
        from modelreg.registry.annotate import annotate
        from modelreg.registry.image import attached_image

        version = self._version(reference)
        attached = attached_image(version, target)
        annotate(self._store, version, actor(), remove_images=(target,))
        return attached

    def build_image(
        self,
        reference: str | Reference | Version,
        order: "Order",
        *,
        check: bool = True,
        tell: Callable[[str], None] = lambda _: None,
        progress: ProgressCallback | None = None,
    ) -> "ImageNote":
        """Build the image of a version with docker, podman or buildah; where it is pushed, record its digest.

        check: what was pushed is read back and compared with the pins, without an engine. tell: is given each line that
        the engine prints.

        Raises:
            EnvironmentMismatchError: the image does not hold what the manifest says, or cannot.
            ImageBuildError, ImageRegistryError, AccessDeniedError: it could not be built, or pushed.
            UsageError, NotFoundError: the order makes no sense, no engine is installed; also as `resolve`.
        """
        from modelreg.events import ImageNote
        from modelreg.registry.build import build

        manifest = self.show(reference)
        built = build(self._store, manifest, order, tell=tell, progress=progress)
        if not order.push:
            return ImageNote(str(built))
        version = manifest.version
        return self.attach_image(version, str(built), target=order.target, check=check, progress=progress).image

    def dockerfile(
        self,
        reference: str | Reference | Version,
        *,
        base: str | None = None,
        folder: str | PathLike[str] | None = None,
        allow_missing: bool = False,
        tell: Callable[[str], None] = lambda _: None,
        progress: ProgressCallback | None = None,
    ) -> str:
        """Return the multi-stage Dockerfile of a version.

        base: the image to stand on; its tag is resolved to a digest. folder: write it there, with all that it copies,
        the model among it. allow_missing: leave out what cannot be installed elsewhere. tell: is told of each step.

        Raises:
            EnvironmentMismatchError: something cannot be installed elsewhere.
            UsageError, NotFoundError: as `resolve`; also, with AccessDeniedError and ImageRegistryError, of the base.
        """
        from modelreg.image.dockerfile import dockerfile
        from modelreg.registry.build import recipe_of, write_context

        manifest = self.show(reference)
        recipe = recipe_of(manifest, base, tell, allow_missing=allow_missing)
        if folder is not None:
            write_context(self._store, manifest, recipe, Path(folder), progress)
        return dockerfile(recipe)
