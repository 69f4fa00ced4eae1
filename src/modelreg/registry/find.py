"""Finding versions, of one model or of all, that meet a query."""

from collections.abc import Callable, Iterable

from modelreg.environment.record import Environment
from modelreg.errors import IntegrityError
from modelreg.registry.model import ModelReader
from modelreg.registry.show import read_environment
from modelreg.search import Query
from modelreg.store import Store
from modelreg.version import Version


def find(
    store: Store,
    models: Iterable[ModelReader],
    query: Query,
    on_damage: Callable[[IntegrityError], None] | None = None,
) -> tuple[Version, ...]:
    """Return the versions that meet a query; each environment, which most versions share, is read once.

    on_damage: told of each record that is damaged, environments included; without it, the first one is raised.
    """

    def environment_of(version: Version) -> Environment | None:
        try:
            return read_environment(store, version)[1]
        except IntegrityError as error:
            if on_damage is None:
                raise
            on_damage(error)
            return None

    return query.select((version for model in models for version in model.all(on_damage)), environment_of)
