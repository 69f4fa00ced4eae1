"""What can be asked of a registry: its models, versions, aliases and their history."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from modelreg.errors import IntegrityError
from modelreg.parallel import ahead
from modelreg.reference import Reference, check_model_name
from modelreg.registry.ledger import check_marker
from modelreg.registry.model import ModelReader, model_names
from modelreg.store import Store
from modelreg.version import Model, Version

if TYPE_CHECKING:
    from modelreg.cache.local import LocalCache
    from modelreg.cache.records import RememberedStore
    from modelreg.difference import Change
    from modelreg.environment.capture import Capture
    from modelreg.manifest import Manifest
    from modelreg.registry.alias import Alias
    from modelreg.registry.history import Happening
    from modelreg.search import Query


class RegistryReader:
    """The reading half of a registry; see `Registry`."""

    def __init__(
        self, store: Store, *, seen: "RememberedStore | None" = None, cache: "LocalCache | None" = None
    ) -> None:
        self._store = store
        self._remembered = seen
        self._seen: Store = seen or store
        self._cache = cache

    @property
    def last_seen(self) -> str | None:
        """When what was answered offline was last seen in the registry, `YYYY-MM-DDTHH:MM:SSZ`; None online."""
        return self._remembered.seen if self._remembered else None

    @property
    def url(self) -> str:
        """Where the registry is."""
        return self._store.url

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
        self, query: "Query", model: str | None = None, on_damage: Callable[[IntegrityError], None] | None = None
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

        return show(self._seen, self._version(reference, at))

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

    def _version(self, reference: str | Reference | Version, at: str | None = None) -> Version:
        """Return a version that was resolved already as it is; else resolve the reference."""
        return reference if isinstance(reference, Version) else self.resolve(reference, at=at)

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
            raise reader.no_model()
        return reader
