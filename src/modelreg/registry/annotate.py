"""Adding facts to a version after it was registered; the version's own record never changes."""

from collections.abc import Mapping, Sequence

from modelreg import layout
from modelreg.errors import UsageError
from modelreg.events import Annotation, ImageNote
from modelreg.registry.ledger import append, stamp
from modelreg.registry.model import ModelReader
from modelreg.store import Store
from modelreg.version import Version


def annotate(
    store: Store,
    version: Version,
    actor: str,
    *,
    tags: Mapping[str, str] | None = None,
    metrics: Mapping[str, str] | None = None,
    description: str | None = None,
    remove_tags: Sequence[str] = (),
    images: Mapping[str, ImageNote] | None = None,
    remove_images: Sequence[str] = (),
) -> Version:
    """Append one annotation, unless it would change nothing; return the version as it is then.

    Raises:
        UsageError: nothing was given.
        NotFoundError: the version was deleted.
    """
    if not (tags or metrics or remove_tags or images or remove_images or description is not None):
        raise UsageError("nothing to annotate: give --tag, --metric, --description or --remove-tag")
    model, number = version.model, version.number
    reader = ModelReader(store, model)
    before = reader.version(number)
    annotation = Annotation(
        stamp(store, actor),
        tags or {},
        metrics or {},
        description,
        tuple(remove_tags),
        images or {},
        tuple(remove_images),
    )
    after = before._replace(annotations=(*before.annotations, annotation))
    if _state(after) == _state(before):
        return before
    record = annotation.to_bytes(model, number)
    append(store, lambda fact: layout.annotation(model, number, fact), reader.last_fact(number) + 1, record)
    return ModelReader(store, model).version(number)


def _state(version: Version) -> tuple[object, ...]:
    return version.tags, version.metrics, version.description, version.images
