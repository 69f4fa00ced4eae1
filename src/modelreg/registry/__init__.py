"""The registry: what the command line and every other caller stand on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from modelreg.errors import IntegrityError, UsageError
from modelreg.progress import ProgressCallback
from modelreg.reference import Reference, check_alias_name
from modelreg.registry.environments import RegistryEnvironments
from modelreg.registry.ledger import check_marker
from modelreg.settings import actor
from modelreg.store import open_store
from modelreg.version import Version

if TYPE_CHECKING:
    from datetime import timedelta
    from decimal import Decimal

    from modelreg.environment.capture import Capture
    from modelreg.files import SourceTree
    from modelreg.registry.alias import Moved
    from modelreg.registry.audit import Audit
    from modelreg.registry.doctor import Diagnosis
    from modelreg.registry.gc import Collected
    from modelreg.registry.register import Registered


class Registry(RegistryEnvironments):
    """A model registry in a store.

    It holds nothing but the store, so it is cheap to make and safe to share between threads. Every method reads the
    store anew. All errors are ModelregError; damage is IntegrityError wherever it turns up.

    seen: the store as `resolve`, `show`, `pull` and `verify_env` read it, which remembers what they read.
    cache: where `pull` keeps files and finds them.
    """

    @classmethod
    def open(cls, url: str | None = None, *, cache: bool = True, offline: bool | None = None) -> "Registry":
        """Return the registry at `url`; without it, the one that the settings name (see docs/settings.md).

        Nothing is read or written yet; the first version registered makes the registry.
        cache: use this machine's cache, where the registry is a bucket (see docs/cache.md). offline: answer from it
        alone, as where the bucket cannot be reached; when not given, as MODELREG_OFFLINE says.

        Raises:
            UsageError: no store has this scheme, or the settings cannot be read.
        """
        from modelreg.settings import bucket_settings, is_offline, registry_url

        store = open_store(registry_url(url), bucket_settings)
        if store.parallel == 1:
            return cls(store)  # a folder, which has no network before it
        is_told = is_offline()
        offline = is_told if offline is None else offline
        if not cache:
            if offline:
                raise UsageError("offline there is nothing but the cache; use it, or unset MODELREG_OFFLINE")
            return cls(store)
        from modelreg.cache.local import LocalCache
        from modelreg.cache.records import Records, RememberedStore

        local = LocalCache.open()
        seen = RememberedStore(store, Records(local.folder, store.url), offline=offline, told=is_told)
        return cls(seen if offline else store, seen=seen, cache=local)

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

    def examine(
        self,
        references: Sequence[str | Reference | Version] = (),
        *,
        deep: bool = False,
        progress: ProgressCallback | None = None,
    ) -> "Iterator[Diagnosis]":
        """Look the registry over, and yield what is found; nothing is written.

        deep: also read the records and every byte of all versions, or of those that `references` name, and compare them
        with what was registered.

        Raises:
            UsageError: there are references, but not `deep`.
        """
        from modelreg.registry.doctor import examine

        if not deep:
            if references:
                raise UsageError("without deep no version is read; leave the references out")
            return examine(self._store, actor())
        # Imported here: most who look a registry over read no versions.
        from modelreg.registry.audit import audit

        def read() -> "Audit":
            versions = {version.reference: version for version in map(self._version, references)}
            return audit(self._store, versions.values() or None, progress)

        return examine(self._store, actor(), read)

    def register(
        self,
        path: str | PathLike[str],
        name: str | None = None,
        *,
        python: str | PathLike[str] | None = None,
        capture: "Capture | None" = None,
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        metrics: "Mapping[str, str | float | Decimal] | None" = None,
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
            python=python,
            captured=capture,
            tags=tags,
            params=params,
            metrics=metrics,
            description=description,
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
            return registered._replace(version=self.resolve(registered.version.reference))
        return registered

    def set_alias(
        self, reference: str | Reference | Version, alias: str, *, why: str = "", force: bool = False
    ) -> "Moved":
        """Point an alias at a version. force: when somebody else moves it at the same moment, move it after them.

        Raises:
            ConflictError: somebody else moved it, or deleted the version, at the same moment; the message says who.
            UsageError, NotFoundError: as `resolve`.
        """
        from modelreg.registry.alias import move_alias

        version = self._version(reference)
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
        metrics: "Mapping[str, str | float | Decimal] | None" = None,
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

        version = self._version(reference)
        return annotate(
            self._store,
            version,
            actor(),
            tags=checked_pairs("tag", tags),
            metrics=checked_metrics(metrics),
            description=None if description is None else checked_text("description", description),
            remove_tags=tuple(remove_tags),
        )

    def delete(self, reference: str | Reference | Version, *, why: str = "") -> Version:
        """Delete a version: it can be restored until a garbage collection takes its files. Numbers never come back.

        Raises:
            ConflictError: an alias points at it.
            UsageError, NotFoundError: as `resolve`.
        """
        from modelreg.registry.delete import delete

        version = self._version(reference)
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
        grace: "timedelta | None" = None,
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
        return copied._replace(version=target.resolve(copied.version.reference)) if aliases else copied

    def _refuse_itself(self, files: "SourceTree") -> None:
        """A registry in the folder that is registered would be registered with it, and grow each time."""
        root = Path(self.url).resolve()
        if "://" not in self.url and any(file.location.is_relative_to(root) for file in files.files):
            raise UsageError(f"the registry {self.url} lies in what is to be registered; choose another folder for one")
