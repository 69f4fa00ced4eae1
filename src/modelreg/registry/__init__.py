"""The registry: what the command line and every other caller stand on."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from modelreg import layout
from modelreg.environment.record import Environment
from modelreg.errors import EnvironmentMismatchError, IntegrityError, NotFoundError
from modelreg.progress import ProgressCallback
from modelreg.records import Tree, content_addressed
from modelreg.reference import Reference, check_model_name
from modelreg.registry.ledger import check_marker, read_content
from modelreg.registry.model import ModelReader
from modelreg.store import Store, open_store
from modelreg.version import Model, Version

if TYPE_CHECKING:
    from modelreg.environment.capture import Capture
    from modelreg.manifest import Manifest
    from modelreg.registry.pull import Pulled
    from modelreg.registry.register import Registered
    from modelreg.registry.verify import EnvironmentReport


class Registry:
    """A model registry in a store.

    It holds nothing but the store, so it is cheap to make and safe to share between threads. Every method reads the
    store anew. All errors are ModelregError; damage is IntegrityError wherever it turns up.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def open(cls, url: str | None = None) -> "Registry":
        """Return the registry at `url`; without it, the one that the settings name (see docs/settings.md).

        Nothing is read or written yet; the first version registered makes the registry.

        Raises:
            UsageError: no store has this scheme, or the settings cannot be read.
        """
        from modelreg.settings import registry_url

        return cls(open_store(registry_url(url)))

    @property
    def url(self) -> str:
        """Where the registry is."""
        return self._store.url

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
        if_changed: bool = False,
        progress: ProgressCallback | None = None,
    ) -> "Registered":
        """Register a file or a folder as a new version, together with an environment.

        name: the model; without it, `[tool.modelreg] name` of the nearest pyproject.toml, else the file's stem.
        python: the interpreter whose environment is captured; see `find_interpreter`. `capture`: one captured already.
        if_changed: return the newest version that holds the same bytes and environment, if there is one.

        Raises:
            UsageError, NotFoundError, UnsafePathError: what was given cannot be registered.
            EnvironmentUnreadableError: the environment cannot be captured.
            ConflictError: a file changed meanwhile.
            AccessDeniedError, StoreError: the store did not take it.
        """
        from modelreg.registry.register import register
        from modelreg.registry.submit import submission

        submitted = submission(Path(path), name, python, capture, tags, params, metrics, description)
        return register(self._store, submitted, if_changed=if_changed, progress=progress)

    def models(self, on_damage: Callable[[IntegrityError], None] | None = None) -> tuple[Model, ...]:
        """Return the models that have a live version, by name.

        on_damage: told of each record that is damaged, which is then passed over; without it, the first one is raised.
        """
        check_marker(self._store)
        models = []
        for name in self._store.folders(layout.MODELS):
            reader = ModelReader(self._store, name)
            latest = next(reader.live(on_damage), None)
            if latest is not None:
                models.append(Model(name, latest, reader.count(), tuple(sorted(reader.aliases.items()))))
        return tuple(models)

    def versions(self, model: str, on_damage: Callable[[IntegrityError], None] | None = None) -> tuple[Version, ...]:
        """Return the live versions of a model, newest first.

        on_damage: told of each record that is damaged, which is then passed over; without it, the first one is raised.

        Raises:
            NotFoundError: there is no such model.
        """
        check_model_name(model)
        check_marker(self._store)
        reader = ModelReader(self._store, model)
        if not reader.numbers:
            raise NotFoundError(f"there is no model {model} in {self.url}; see modelreg list")
        return tuple(reader.live(on_damage))

    def resolve(self, reference: str | Reference) -> Version:
        """Return the version that a reference names.

        Raises:
            UsageError: it is no reference.
            NotFoundError: there is no such version, or it was deleted.
        """
        parsed = reference if isinstance(reference, Reference) else Reference.parse(reference)
        check_marker(self._store)
        return ModelReader(self._store, parsed.model).resolve(parsed)

    def show(self, reference: str | Reference | Version) -> "Manifest":
        """Return the manifest of a version: the version joined with its files and its environment.

        Raises:
            UsageError, NotFoundError: as `resolve`.
        """
        from modelreg.manifest import Manifest

        version = reference if isinstance(reference, Version) else self.resolve(reference)
        sha256 = version.artifact.digest.removeprefix("sha256:")
        key = layout.tree(version.model, version.artifact.size, sha256)
        data = read_content(self._store, key, sha256)
        try:
            tree = Tree.from_bytes(data, sha256)
        except IntegrityError as error:
            raise type(error)(f"{version.reference} in {self.url} {error}") from None
        record, environment = self._environment(version)
        return Manifest(version, tree, environment, record)

    def pull(
        self,
        reference: str | Reference | Version,
        folder: str | PathLike[str] | None = None,
        *,
        force: bool = False,
        environment: "Capture | None" = None,
        progress: ProgressCallback | None = None,
    ) -> "Pulled":
        """Write a version's files and its manifest, `modelreg.yaml`, into a folder.

        folder: `<model>/<version>` below the working directory when not given. force: replace files that differ.
        environment: refuse, before a byte is downloaded, when it does not fit.

        Raises:
            EnvironmentMismatchError: `environment` does not fit.
            ConflictError: the folder holds other files.
            IntegrityError: the registry's bytes are not those that were registered; nothing was written.
        """
        from modelreg.registry.pull import pull

        manifest = self.show(reference)
        version = manifest.version
        if environment is not None:
            report = self.verify_env(version, environment=environment)
            if not report.fits:
                raise EnvironmentMismatchError(
                    f"the environment does not fit {version.reference}, so nothing was pulled: "
                    f"{report.findings[0]}; see modelreg verify-env {version.reference}"
                )
        target = Path(folder) if folder is not None else Path(version.model, str(version.number))
        return pull(self._store, manifest, target, force=force, progress=progress)

    def verify_env(
        self,
        reference: str | Reference | Version,
        *,
        python: str | PathLike[str] | None = None,
        environment: "Capture | None" = None,
    ) -> "EnvironmentReport":
        """Compare an environment with the one that a version was registered with.

        python: the interpreter whose environment is captured; see `find_interpreter`. `environment`: one captured
        already.

        Raises:
            UsageError, NotFoundError: as `resolve`.
            EnvironmentUnreadableError: the environment cannot be captured.
        """
        from modelreg.environment.capture import capture, find_interpreter
        from modelreg.registry.verify import verify_version

        version = reference if isinstance(reference, Version) else self.resolve(reference)
        captured = environment or capture(find_interpreter(python))
        model = ModelReader(self._store, version.model)
        return verify_version(version, captured, model, lambda other: self._environment(other)[1])

    def _environment(self, version: Version) -> tuple[Mapping[str, object], Environment]:
        sha256 = version.environment.digest.removeprefix("sha256:")
        key = layout.environment(version.model, sha256)
        data = read_content(self._store, key, sha256)
        record = content_addressed("environment", data, sha256)
        return record, Environment.from_mapping(record)
