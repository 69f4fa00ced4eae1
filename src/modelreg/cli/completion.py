"""Completing model names and versions from the registry, in any shell."""

import io
import os
import shlex
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout, suppress
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from modelreg.registry import Registry

ZSH = """\
#compdef modelreg

_modelreg_completion() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _MODELREG_COMPLETE=complete_zsh modelreg)
}

if [ "$funcstack[1]" = "_modelreg" ]; then
  _modelreg_completion "$@"
else
  compdef _modelreg_completion modelreg
fi
"""
"""The script for zsh. Typer's has no first line that compinit would know, and leaves the first TAB unanswered."""

_BREAKS = frozenset(":@=")


def complete_model(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the models whose names begin with `incomplete`."""
    return _offered(incomplete, lambda: [model.name for model in _registry(ctx).models(on_damage=lambda _: None)])


def complete_alias(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the aliases there are of the model that was named before, or of all models."""
    named = ctx.params.get("model") or ctx.params.get("reference")
    model = named.partition(":")[0].partition("@")[0] if isinstance(named, str) else None
    return _offered(incomplete, lambda: sorted({one.alias for one in _registry(ctx).aliases(model)}))


def complete_reference(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return models, or, once a model is there, its versions (after `:`) or aliases (after `@`)."""
    name = incomplete.partition("@")[0].partition(":")[0]
    if name == incomplete:
        return complete_model(ctx, incomplete)
    if incomplete[len(name)] == "@":
        return _offered(
            incomplete, lambda: [*(f"{name}@{one.alias}" for one in _registry(ctx).aliases(name)), f"{name}@latest"]
        )
    return _offered(incomplete, lambda: [f"{name}:{number}" for number in _registry(ctx).numbers(name)])


def complete_deleted(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return models, or, once a model is there, those of its versions that can be restored."""
    from modelreg.search import Query
    from modelreg.version import State

    name, colon, _ = incomplete.partition(":")
    if not colon:
        return complete_model(ctx, incomplete)

    def deleted() -> list[str]:
        versions = _registry(ctx).find(Query(deleted=True), name, lambda _: None)
        return [version.reference for version in versions if version.state is State.DELETED]

    return _offered(incomplete, deleted)


def complete_format(incomplete: str) -> list[str]:
    """Return the formats of `export`."""
    from modelreg.export import FORMATS

    return _offered(incomplete, lambda: [*FORMATS, "dockerfile"])


def complete_group(incomplete: str) -> list[str]:
    """Return the groups there can be."""
    from modelreg.events import TARGETS

    return _offered(incomplete, lambda: TARGETS)


def _offered(incomplete: str, ask: Callable[[], Iterable[str]]) -> list[str]:
    """Return those of the words asked for that begin with `incomplete`; none where the registry cannot be asked."""
    from modelreg.errors import ModelregError

    try:
        return [word for word in ask() if word.startswith(incomplete)]
    except ModelregError:
        return []


def complete_bash(app: Callable[[], object]) -> str:
    """Answer bash, which cuts words at `:`, `@` and `=` and replaces only what comes after the last of them.

    The words are put together again before the application sees them, and what bash will not replace is cut off the
    answer; it replaces an `@`, too. Where COMP_WORDBREAKS was changed and a word came whole, the answer is whole.
    """
    words = os.environ.get("COMP_WORDS", "").split("\n")
    current = int(os.environ.get("COMP_CWORD", "0"))
    words = [_unquoted(word) for word in (*words, *[""] * (current + 1))][: current + 1]
    joined: list[str] = []
    for position, word in enumerate(words):
        if position and (_is_break(word) or _is_break(words[position - 1])):
            joined[-1] += word
        else:
            joined.append(word)
    os.environ["COMP_WORDS"] = shlex.join(joined)
    os.environ["COMP_CWORD"] = str(len(joined) - 1)
    answer = io.StringIO()
    with redirect_stdout(answer), suppress(SystemExit):
        app()
    replaced = "" if _is_break(words[-1]) else words[-1]
    if joined[-1].removesuffix(replaced).endswith("@"):
        replaced = f"@{replaced}"
    kept = len(joined[-1]) - len(replaced)
    return "".join(f"{line[kept:]}\n" for line in answer.getvalue().splitlines())


def _is_break(word: str) -> bool:
    return word != "" and _BREAKS.issuperset(word)


def _unquoted(word: str) -> str:
    try:
        return "".join(shlex.split(word))
    except ValueError:  # a quotation that is still being typed
        return word.lstrip("\"'")


def _registry(ctx: typer.Context) -> "Registry":
    from modelreg.registry import Registry

    url = ctx.params.get("registry")
    return Registry.open(url if isinstance(url, str) else None)
