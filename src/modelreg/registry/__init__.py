"""The registry: what the command line and every other caller stand on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from modelreg.errors import EnvironmentMismatchError, IntegrityError, NotFoundError, UsageError
from modelreg.parallel import ahead
from modelreg.progress import ProgressCallback
from modelreg.reference import Reference, check_alias_name, check_model_name
from modelreg.registry.ledger import check_marker
from modelreg.registry.model import ModelReader, model_names
from modelreg.search import Query
from modelreg.settings import actor
from modelreg.store import Store, open_store
from modelreg.version import Model, Version

if TYPE_CHECKING:
    from modelreg.cache.local import LocalCache
    from modelreg.cache.records import RememberedStore
    from modelreg.difference import Change
    from modelreg.environment.capture import Capture
    from modelreg.environment.policy import Policy
    from modelreg.environment.rebuild import Rebuilt
    from modelreg.events import ImageNote
    from modelreg.export import Exported
    from modelreg.files import SourceTree
    from modelreg.manifest import Manifest
    from modelreg.registry.alias import Alias, Moved
    from modelreg.registry.build import Order
    from modelreg.registry.doctor import Diagnosis
    from modelreg.registry.gc import Collected
    from modelreg.registry.history import Happening
    from modelreg.registry.image import Attached
    from modelreg.registry.pull import Pulled
    from modelreg.registry.register import Registered
    from modelreg.registry.verify import EnvironmentReport


class Registry:
    """A model registry in a store.

    It holds nothing but the store, so it is cheap to make and safe to share between threads. Every method reads the
    store anew. All errors are ModelregError; damage is IntegrityError wherever it turns up.

    seen: the store as `resolve`, `show`, `pull` and `verify_env` read it, which remembers what they read.
    cache: where `pull` keeps files and finds them.
    """

    def __init__(
        self, store: Store, *, seen: "RememberedStore | None" = None, cache: "LocalCache | None" = None
    ) -> None:
        self._store = store
        self._remembered = seen
        self._seen: Store = seen or store
        self._cache = cache

    @classmethod
    def open(cls, url: str | None = None, *, cache: bool = True) -> "Registry":
        """Return the registry at `url`; without it, the one that the settings name (see docs/settings.md).

        Nothing is read or written yet; the first version registered makes the registry.
        cache: use this machine's cache, where the registry is a bucket (see docs/cache.md).

        Raises:
            UsageError: no store has this scheme, or the settings cannot be read.
        """
        from modelreg.settings import bucket_settings, is_offline, registry_url

        store = open_store(registry_url(url), bucket_settings)
        if store.parallel == 1:
            return cls(store)  # a folder, which has no network before it
        offline = is_offline()
        if not cache:
            if offline:
                raise UsageError(
                    "MODELREG_OFFLINE is set, so there is nothing but the cache; unset it, or use the cache"
                )
            return cls(store)
        from modelreg.cache.local import LocalCache
        from modelreg.cache.records import Records, RememberedStore

        local = LocalCache.open()
        seen = RememberedStore(store, Records(local.folder, store.url), offline=offline)
        return cls(seen if offline else store, seen=seen, cache=local)

    @property
    def last_seen(self) -> str | None:
        """When what was answered offline was last seen in the registry, `YYYY-MM-DDTHH:MM:SSZ`; None online."""
        return self._remembered.seen if self._remembered else None

    @property
    def url(self) -> str:
        """Where the registry is."""
        return self._store.url

    def init(self) -> bool:
        """Make the registry, so that it holds no version yet but readers know it; return False where it is one already.

        Registering does the same. The folder or the bucket is written to twice, to see that it can hold a registry.

        Raises:
            StoreError: it cannot: it lets a record be created twice.
        """
        from modelreg.registry.ledger import mark
        from modelreg.times import timestamp

        now = self._store.clock()
        if check_marker(self._store):
            return False
        mark(self._store, timestamp(now), actor())
        return True

    def examine(self) -> "Iterator[Diagnosis]":
        """Look the registry over, and yield what is found; nothing is written."""
        from modelreg.registry.doctor import examine

        return examine(self._store, actor())

    def register(
        self,
        path: str | PathLike[str],
        name: str | None = None,
        *,
        python: str | PathLike[str] | None = None,
        capture: "Capture | None" = None,
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        metrics: Mapping[str, str | float | Decimal] | None = None,
        description: str = "",
        aliases: Sequence[str] = (),
        groups: Mapping[str, str | Sequence[str]] | None = None,
        if_changed: bool = False,
        allow_mismatch: bool = False,
        strict_env: bool = False,
        images: Mapping[str, str] | None = None,
        check_images: bool = True,
        progress: ProgressCallback | None = None,
    ) -> "Registered":
        """Register a file or a folder as a new version, together with an environment.

        name: the model; without it, `[tool.modelreg] name` of the nearest pyproject.toml, else the file's stem.
        python: the interpreter whose environment is captured; see `find_interpreter`. `capture`: one captured already.
        aliases: point these at the version. if_changed: return the newest version that holds the same bytes and
        environment, if there is one.
        groups: what `train` and `serve` need: requirements files, names of groups in pyproject.toml, or requirements.
        allow_mismatch: take a model that says it was made with other versions than those of the environment, and
        images that do not fit it. strict_env: refuse what cannot be built again elsewhere, such as an editable install.
        images: by target, as for `attach_image`; they are looked at before anything is written.

        Raises:
            EnvironmentMismatchError: the model was made with other versions, an image does not fit, or `strict_env`
            refuses the environment.
            UsageError, NotFoundError, UnsafePathError: what was given cannot be registered.
            EnvironmentUnreadableError: the environment cannot be captured.
            ConflictError: a file changed meanwhile.
            AccessDeniedError, StoreError: the store did not take it.
        """
        from modelreg.registry.register import register
        from modelreg.registry.submit import submission

        for alias in aliases:
            check_alias_name(alias)
        submitted = submission(
            Path(path),
            name,
            python,
            capture,
            tags,
            params,
            metrics,
            description,
            groups=groups,
            allow_mismatch=allow_mismatch,
            strict_env=strict_env,
        )
        self._refuse_itself(submitted.files)
        notes = {}
        for target, image in (images or {}).items():
            from modelreg.registry.image import look_at_image

            notes[target] = look_at_image(
                image,
                target,
                submitted.expected,
                check=check_images,
                allow_mismatch=allow_mismatch,
                progress=progress,
            ).image
        registered = register(self._store, submitted, if_changed=if_changed, progress=progress)
        if notes:
            from modelreg.registry.annotate import annotate

            annotate(self._store, registered.version, actor(), images=notes)
        for alias in aliases:
            self.set_alias(registered.version, alias, why="registered", force=True)
        if notes or aliases:
            return replace(registered, version=self.resolve(registered.version.reference))
        return registered

    def models(self, on_damage: Callable[[IntegrityError], None] | None = None) -> tuple[Model, ...]:
        """Return the models that have a live version, by name.

        on_damage: told of each record that is damaged, which is then passed over; without it, the first one is raised.
        """
        check_marker(self._store)

        def look(name: str) -> Model | None:
            reader = ModelReader(self._store, name, outline=self._store.parallel > 1)
            latest = next(reader.live(on_damage), None)
            if latest is None:
                return None
            return Model(name, latest, len(reader.live_numbers()), tuple(sorted(reader.aliases.items())))

        found = ahead(look, model_names(self._store), self._store.parallel)
        return tuple(model for model in found if model is not None)

    def versions(self, model: str, on_damage: Callable[[IntegrityError], None] | None = None) -> tuple[Version, ...]:
        """Return the live versions of a model, newest first.

        on_damage: told of each record that is damaged, which is then passed over; without it, the first one is raised.

        Raises:
            NotFoundError: there is no such model.
        """
        return tuple(self._reader(model).fetch().live(on_damage))

    def numbers(self, model: str) -> tuple[int, ...]:
        """Return the numbers of the live versions of a model, newest first; quicker than the versions themselves.

        Raises:
            NotFoundError: there is no such model.
        """
        return tuple(self._reader(model).live_numbers())

    def find(
        self, query: Query, model: str | None = None, on_damage: Callable[[IntegrityError], None] | None = None
    ) -> tuple[Version, ...]:
        """Return the versions of one model, or of all, that meet a query.

        on_damage: told of each record that is damaged, which is then passed over; without it, the first one is raised.

        Raises:
            UsageError: the query makes no sense.
            NotFoundError: there is no such model.
        """
        from modelreg.registry.find import find

        return find(self._store, (reader.fetch() for reader in self._readers(model)), query, on_damage)

    def resolve(self, reference: str | Reference, *, at: str | None = None) -> Version:
        """Return the version that a reference names.

        at: what its alias pointed at then, `YYYY-MM-DDTHH:MM:SSZ`.

        Raises:
            UsageError: it is no reference.
            NotFoundError: there is no such version, or it was deleted.
        """
        parsed = reference if isinstance(reference, Reference) else Reference.parse(reference)
        check_marker(self._seen)
        return ModelReader(self._seen, parsed.model).resolve(parsed, at)

    def show(self, reference: str | Reference | Version, *, at: str | None = None) -> "Manifest":
        """Return the manifest of a version: the version joined with its files and its environment.

        at: as in `resolve`.

        Raises:
            UsageError, NotFoundError: as `resolve`.
        """
        from modelreg.registry.show import show

        version = reference if isinstance(reference, Version) else self.resolve(reference, at=at)
        return show(self._seen, version)

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
                raise EnvironmentMismatchError(
                    f"the environment does not fit {version.reference}, so nothing was pulled: "
                    f"{report.findings[0]}; see modelreg verify-env {version.reference}"
                )
        target = Path(folder) if folder is not None else Path(version.model, str(version.number))
        return pull(self._store, manifest, target, force=force, progress=progress, cache=self._cache)

    def verify_env(
        self,
        reference: str | Reference | Version,
        *,
        python: str | PathLike[str] | None = None,
        environment: "Capture | None" = None,
        policy: "str | Policy" = "exact",
        group: str | None = None,
        allow_unchecked: bool = False,
    ) -> "EnvironmentReport":
        """Compare an environment with the one that a version was registered with.

        python: the interpreter whose environment is captured; see `find_interpreter`. `environment`: one captured
        already. policy: what fails; see `Policy.parse`. group: what the environment is for; without it `serve`, where
        the model has that group. allow_unchecked: what could not be checked fails nothing.

        Raises:
            UsageError, NotFoundError: as `resolve`; there is no such policy or group.
            EnvironmentUnreadableError: the environment cannot be captured.
        """
        from modelreg.environment.capture import capture, find_interpreter
        from modelreg.registry.show import read_environment
        from modelreg.registry.verify import todays, verify_version

        version = reference if isinstance(reference, Version) else self.resolve(reference)
        terms = todays(policy, group, allow_unchecked=allow_unchecked)
        captured = environment or capture(find_interpreter(python), whole=False)
        model = ModelReader(self._seen, version.model)
        return verify_version(version, captured, model, lambda other: read_environment(self._seen, other)[1], terms)

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

    def history(self, model: str) -> "tuple[Happening, ...]":
        """Return what happened to a model, oldest first.

        Raises:
            NotFoundError: there is no such model.
        """
        from modelreg.registry.history import history

        return history(self._reader(model).fetch())

    def diff(
        self, before: str | Reference | Version, after: "str | Reference | Version | Capture"
    ) -> "tuple[Change, ...]":
        """Return what changed from one version to another, or to a captured environment.

        Raises:
            UsageError, NotFoundError: as `resolve`.
        """
        from modelreg.difference import difference, environment_difference
        from modelreg.environment.capture import Capture

        manifest = self.show(before)
        if isinstance(after, Capture):
            return environment_difference(manifest.environment, after.environment)
        return difference(manifest, self.show(after))

    def aliases(self, model: str | None = None) -> "tuple[Alias, ...]":
        """Return the aliases of one model, or of all, by name.

        Raises:
            NotFoundError: there is no such model.
        """
        from modelreg.registry.alias import aliases

        return tuple(alias for reader in self._readers(model) for alias in aliases(reader))

    def set_alias(
        self, reference: str | Reference | Version, alias: str, *, why: str = "", force: bool = False
    ) -> "Moved":
        """Point an alias at a version. force: also when somebody else moves it at the same moment.

        Raises:
            ConflictError: somebody else moved it, or deleted the version, at the same moment; the message says who.
            UsageError, NotFoundError: as `resolve`.
        """
        from modelreg.registry.alias import move_alias

        version = reference if isinstance(reference, Version) else self.resolve(reference)
        return move_alias(self._store, version.model, alias, version.number, actor(), why=why, force=force)

    def remove_alias(self, model: str, alias: str, *, why: str = "") -> "Moved":
        """Remove an alias; its history stays.

        Raises:
            ConflictError: somebody else moved it at the same moment.
            NotFoundError: there is no such alias.
        """
        from modelreg.registry.alias import move_alias

        self._reader(model)
        return move_alias(self._store, model, alias, None, actor(), why=why)

    def roll_back_alias(self, model: str, alias: str, *, why: str = "") -> "Moved":
        """Point an alias at the version it pointed at before; done again, at the one before that.

        Raises:
            ConflictError: somebody else moved it at the same moment.
            NotFoundError: there is nothing to go back to, or it was deleted.
        """
        from modelreg.registry.alias import roll_back_alias

        self._reader(model)
        return roll_back_alias(self._store, model, alias, actor(), why=why)

    def annotate(
        self,
        reference: str | Reference | Version,
        *,
        tags: Mapping[str, str] | None = None,
        metrics: Mapping[str, str | float | Decimal] | None = None,
        description: str | None = None,
        remove_tags: Sequence[str] = (),
    ) -> Version:
        """Add facts to a version; its own record never changes.

        Raises:
            UsageError: nothing was given, or a value is none; also as `resolve`.
            NotFoundError: as `resolve`.
        """
        from modelreg.registry.annotate import annotate
        from modelreg.registry.submit import checked_metrics, checked_pairs, checked_text

        version = reference if isinstance(reference, Version) else self.resolve(reference)
        return annotate(
            self._store,
            version,
            actor(),
            tags=checked_pairs("tag", tags),
            metrics=checked_metrics(metrics),
            description=None if description is None else checked_text("description", description),
            remove_tags=tuple(remove_tags),
        )

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

        version = reference if isinstance(reference, Version) else self.resolve(reference)
        record = version.record
        expected = Expected(read_environment(self._store, version)[1], record.imports, record.groups, record.roles)
        attached = look_at_image(
            image, target, expected, platform=platform, check=check, allow_mismatch=allow_mismatch, progress=progress
        )
        annotate(self._store, version, actor(), images={target: attached.image})
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

    def delete(self, reference: str | Reference | Version, *, why: str = "") -> Version:
        """Delete a version: it can be restored until a garbage collection takes its files. Numbers never come back.

        Raises:
            ConflictError: an alias points at it.
            UsageError, NotFoundError: as `resolve`.
        """
        from modelreg.registry.delete import delete

        version = reference if isinstance(reference, Version) else self.resolve(reference)
        return delete(self._store, version, actor(), why=why)

    def restore(self, reference: str | Reference, *, why: str = "") -> Version:
        """Bring a deleted version back; one that is live stays as it is.

        Raises:
            UsageError: the reference has no version number.
            NotFoundError: there is no such version, or its files were collected.
        """
        from modelreg.registry.delete import restore

        parsed = reference if isinstance(reference, Reference) else Reference.parse(reference)
        if parsed.version is None:
            raise UsageError(f"{reference}: name the version by its number, as in {parsed.model}:3")
        check_marker(self._store)
        return restore(self._store, parsed.model, parsed.version, actor(), why=why)

    def gc(
        self,
        *,
        apply: bool = False,
        grace: timedelta | None = None,
        on_damage: Callable[[IntegrityError], None] | None = None,
    ) -> "Collected":
        """Remove files that no live version refers to, and what killed writers left; without `apply`, only say which.

        grace: what is younger, or was deleted more recently, stays; 24 hours when not given.
        on_damage: told of each model with a damaged record, of which nothing is removed, as it is not known what is
        referred to; without it, the first one is raised.
        """
        from modelreg.registry.gc import GRACE, collect

        return collect(self._store, actor(), apply=apply, grace=GRACE if grace is None else grace, on_damage=on_damage)

    def copy(
        self,
        reference: str | Reference | Version,
        target: "Registry",
        *,
        aliases: Sequence[str] = (),
        progress: ProgressCallback | None = None,
    ) -> "Registered":
        """Copy a version into another registry, once: the same bytes, environment, provenance and annotations.

        aliases: point these at the copy. Its number and its record are the other registry's.

        Raises:
            IntegrityError: the version is damaged here; nothing was written.
            UsageError, NotFoundError: as `resolve`.
        """
        from modelreg.registry.copy import copy

        for alias in aliases:
            check_alias_name(alias)
        manifest = self.show(reference)
        copied = copy(self._store, manifest, target._store, actor(), progress=progress, cache=self._cache)  # noqa: SLF001
        for alias in aliases:
            target.set_alias(copied.version, alias, why="copied", force=True)
        return replace(copied, version=target.resolve(copied.version.reference)) if aliases else copied

    def _refuse_itself(self, files: "SourceTree") -> None:
        """A registry in the folder that is registered would be registered with it, and grow each time."""
        root = Path(self.url).resolve()
        if "://" not in self.url and any(file.location.is_relative_to(root) for file in files.files):
            raise UsageError(f"the registry {self.url} lies in what is to be registered; choose another folder for one")

    def _readers(self, model: str | None) -> Iterator[ModelReader]:
        if model is not None:
            yield self._reader(model)
            return
        check_marker(self._store)
        for name in model_names(self._store):
            yield ModelReader(self._store, name)

    def _reader(self, model: str) -> ModelReader:
        check_model_name(model)
        check_marker(self._store)
        reader = ModelReader(self._store, model)
        if not reader.numbers:
            raise NotFoundError(f"there is no model {model} in {self.url}; see modelreg list")
        return reader
