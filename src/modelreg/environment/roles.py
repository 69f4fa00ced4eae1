"""What packages are to a model: load-critical, or tooling. Pure: an environment and names in, names out."""

from collections.abc import Iterable

from modelreg.environment.closure import Edges, Wanted
from modelreg.environment.record import TOOLING, Environment

_BUILDERS = frozenset({"setuptools", "wheel"})
"""Tooling, too, where nothing asks for them: virtual environments before Python 3.12 come with them."""


def load_critical(environment: Environment, roots: Iterable[str]) -> tuple[str, ...] | None:
    """Return what loading a model needs, by name: `roots`, and what they need in turn.

    None where that is not known: there are no roots, or a package does not say what it needs.
    """
    closure = Edges(environment).closure(Wanted(root) for root in roots)
    return tuple(sorted(closure.packages)) if closure.packages and closure.complete else None


def tooling(environment: Environment, needed: Iterable[str]) -> tuple[str, ...]:
    """Return what only installs and checks, by name: modelreg, pip, uv, and what nothing but them needs.

    What was asked for by name, or is among `needed` (by a model or a group), is none of it, nor is what that needs.
    Where a package does not say what it needs, it might be any of modelreg's, so these count as that package's.
    """
    edges, installed = Edges(environment), {package.name for package in environment.packages}
    claimed = edges.closure(Wanted(name) for name in needed).packages
    tools = (installed & (TOOLING | _BUILDERS)) - claimed
    theirs = edges.closure(Wanted(name, edges.extras_of(name)) for name in tools).packages - claimed
    requested = {package.name for package in environment.packages if package.requested} - tools
    others = edges.closure(Wanted(name) for name in (installed - theirs) | (requested & theirs))
    if not others.complete:
        return tuple(sorted(tools & TOOLING))
    return tuple(sorted((theirs - others.packages) | (tools & TOOLING)))
