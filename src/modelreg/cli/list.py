"""modelreg list."""

from collections.abc import Sequence
from typing import Annotated

from modelreg.cli.options import JsonOption, QuietOption, RegistryOption
from modelreg.cli.output import tell_damage
from modelreg.cli.parameters import Argument, Option


def list_(
    model: Annotated[
        str | None, Argument(metavar="[MODEL]", help="List the versions of this model.", completes="model")
    ] = None,
    alias: Annotated[
        list[str] | None,
        Option("--alias", metavar="NAME", help="Those that this alias points at.", completes="alias"),
    ] = None,
    tag: Annotated[list[str] | None, Option("--tag", metavar="K[=V]", help="Those with this tag.")] = None,
    metric: Annotated[
        list[str] | None, Option("--metric", metavar="COND", help="Those whose metric meets it: 'auc>=0.9'.")
    ] = None,
    depends_on: Annotated[
        list[str] | None, Option("--depends-on", metavar="REQ", help="Those that pin such a package: 'numpy<2'.")
    ] = None,
    since: Annotated[
        str | None, Option("--since", metavar="TIME", help="Those registered since: 2026-11-01, or a time.")
    ] = None,
    sort: Annotated[
        str | None,
        Option(
            "--sort",
            metavar="ORDER",
            help="metric:NAME (highest first; those without it are left out), metric:NAME:asc, or created.",
        ),
    ] = None,
    limit: Annotated[int | None, Option("--limit", metavar="N", least=1, help="At most so many.")] = None,
    deleted: Annotated[bool, Option("--all", help="Deleted versions, too.")] = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the models, or the versions of one model. Newest first, all of them or those that meet conditions.

    Conditions without a model look through all models; all of them must hold.

    Example: modelreg list fraud --metric 'auc>=0.9' --sort metric:auc --limit 1
    """
    from modelreg.cli.answers import print_models, print_versions
    from modelreg.errors import IntegrityError
    from modelreg.registry import Registry
    from modelreg.search import MetricCondition, Query
    from modelreg.times import since as beginning

    query = Query(
        tuple(alias or ()),
        _tags(tag or ()),
        tuple(MetricCondition.parse(text) for text in metric or ()),
        tuple(depends_on or ()),
        beginning(since) if since else None,
        sort,
        limit,
        deleted,
    )
    opened = Registry.open(registry)
    damage: list[IntegrityError] = []
    form = "json" if json else "quiet" if quiet else "text"
    if model is None and query.is_empty:
        print_models(opened, opened.models(damage.append), form)
    else:
        print_versions(opened.find(query, model, damage.append), form)
    tell_damage(damage)


def _tags(conditions: Sequence[str]) -> dict[str, str | None]:
    from modelreg.errors import UsageError

    tags: dict[str, str | None] = {}
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not name or name in tags:
            raise UsageError(f"--tag {condition!r}: write it as key or key=value, once for each key")
        tags[name] = value if equals else None
    return tags
