"""Completing model names and versions from the registry, in any shell."""

import io
import os
import shlex
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from modelreg.registry import Registry

VARIABLE = "_MODELREG_COMPLETE"

_BREAKS = (":", "@", "=")


def complete_model(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the models whose names begin with `incomplete`."""
    from modelreg.errors import ModelregError

    try:
        registry = _registry(ctx)
        return [model.name for model in registry.models(on_damage=lambda _: None) if model.name.startswith(incomplete)]
    except ModelregError:
        return []


def complete_reference(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return models, or, once a model is there, its versions (after `:`) or aliases (after `@`)."""
    from modelreg.errors import ModelregError

    name = incomplete.partition("@")[0].partition(":")[0]
    if name == incomplete:
        return complete_model(ctx, incomplete)
    try:
        versions = _registry(ctx).versions(name, on_damage=lambda _: None)
    except ModelregError:
        return []
    if incomplete[len(name)] == "@":
        aliases = sorted(alias for version in versions for alias in version.aliases)
        return [f"{name}@{alias}" for alias in [*aliases, "latest"]]
    return [version.reference for version in versions]


def complete_bash(app: Callable[[], object]) -> str:
    """Answer bash, which cuts words at `:`, `@` and `=` and replaces only what comes after the last of them.

    The words are put together again before the application sees them, and what bash will not replace is cut off the
    answer.
    """
    words = shlex.split(os.environ.get("COMP_WORDS", ""))
    current = int(os.environ.get("COMP_CWORD", "0"))
    words += [""] * (current + 1 - len(words))
    joined: list[str] = []
    for position, word in enumerate(words[: current + 1]):
        apart = position == 0 or not (word in _BREAKS or words[position - 1] in _BREAKS)
        if apart:
            joined.append(word)
        else:
            joined[-1] += word
    os.environ["COMP_WORDS"] = shlex.join(joined)
    os.environ["COMP_CWORD"] = str(len(joined) - 1)
    answer = io.StringIO()
    with redirect_stdout(answer), suppress(SystemExit):
        app()
    kept = max(joined[-1].rfind(separator) for separator in _BREAKS) + 1
    return "".join(f"{line[kept:]}\n" for line in answer.getvalue().splitlines())


def _registry(ctx: typer.Context) -> "Registry":
    from modelreg.registry import Registry

    url = ctx.params.get("registry")
    return Registry.open(url if isinstance(url, str) else None)
