"""modelreg history."""

from typing import TYPE_CHECKING

from modelreg.cli.options import JsonOption, QuietOption, RegistryOption, RequiredModelArgument
from modelreg.cli.output import minute, print_json, print_raw, print_table, say_seen

if TYPE_CHECKING:
    from modelreg.registry.history import Happening


def history(
    model: RequiredModelArgument,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Tell the story of a model. Who registered, aliased, annotated, deleted, restored or collected what, and why.

    Example: modelreg history fraud
    """
    from modelreg.registry import Registry

    opened = Registry.open(registry)
    happenings = opened.history(model)
    if not quiet:
        say_seen(opened.last_seen, model)
    if json:
        print_json({"model": model, "history": [happening._asdict() for happening in happenings]})
    elif quiet:
        for happening in happenings:
            print_raw(f"{happening.kind} {_reference(model, happening) or f'{model}@{happening.alias}'}")
    else:
        columns = ("WHEN (UTC)", "WHAT", "VERSION", "BY", "DETAILS")
        rows = [
            (
                minute(happening.created),
                happening.kind,
                _reference(model, happening),
                happening.created_by,
                ": ".join(text for text in (happening.text, happening.why) if text),
            )
            for happening in happenings
        ]
        print_table(columns, rows)


def _reference(model: str, happening: "Happening") -> str:
    return "" if happening.version is None else f"{model}:{happening.version}"
