"""Adding facts to a version after it was registered; the version's own record never changes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelreg import layout
from modelreg.errors import UsageError
from modelreg.events import Annotation
from modelreg.registry.ledger import append, stamp
from modelreg.registry.model import ModelReader
from modelreg.store import Store
from modelreg.version import Version


def annotate(
    store: Store,
    version: Version,
    actor: str,
    *,
    tags: Mapping[str, str],
    metrics: Mapping[str, str],
    description: str | None,
    remove_tags: Sequence[str],
) -> Version:
    """Append one annotation, unless it would change nothing; return the version as it is then.

    Raises:
        UsageError: nothing was given.
        NotFoundError: the version was deleted.
    """
    if not (tags or metrics or remove_tags or description is not None):
        raise UsageError("nothing to annotate: give --tag, --metric, --description or --remove-tag")
    model, number = version.model, version.number
    reader = ModelReader(store, model)
    before = reader.version(number)
    annotation = Annotation(stamp(store, actor), tags, metrics, description, tuple(remove_tags))
    after = replace(before, annotations=(*before.annotations, annotation))
    if (after.tags, after.metrics, after.description) == (before.tags, before.metrics, before.description):
        return before
    record = annotation.to_bytes(model, number)
    append(store, lambda fact: layout.annotation(model, number, fact), reader.last_fact(number) + 1, record)
    return ModelReader(store, model).version(number)
