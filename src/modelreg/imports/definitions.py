"""Which names a module's source defines, told by parsing it."""

import ast
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

_DYNAMIC_NAMES = frozenset({"globals", "vars", "locals", "exec", "setattr", "__import__", "modules", "global_enum"})
_DYNAMIC_ATTRIBUTES = frozenset({"modules", "f_globals", "global_enum", "_convert", "_convert_"})


class Definitions(NamedTuple):
    """What a module binds at its top, conditional definitions included.

    names: what is bound. imported: of these, what comes from another module: its dotted name, and the name it has
    there. classes: what each class binds in its body. mentioned: every text in it, and every name that it deletes
    somewhere. dynamic: names may come to be by other means, too, such as `import *`.
    """

    names: frozenset[str]
    imported: Mapping[str, tuple[str, str]]
    classes: Mapping[str, frozenset[str]]
    mentioned: frozenset[str]
    dynamic: bool


def definitions(source: bytes, module: str, *, is_package: bool) -> Definitions | None:
    """Return what a module defines; None where its source is none for the running Python.

    module: its dotted name, to which its relative imports belong.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        return _Reader(module if is_package else module.rpartition(".")[0]).read(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Reader:
    def __init__(self, package: str) -> None:
        self._package = package
        self._imported: dict[str, tuple[str, str]] = {}
        self._dynamic = False
        self._classes: dict[str, frozenset[str]] = {}

    def read(self, tree: ast.Module) -> Definitions:
        names = set(self._bound(tree.body))
        mentioned: set[str] = set()
        deleted: set[str] = set()
        dynamic = self._dynamic or "__getattr__" in names
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                mentioned.add(node.value)
            elif isinstance(node, ast.Global):
                names.update(node.names)
            elif isinstance(node, ast.Name):
                dynamic = dynamic or node.id in _DYNAMIC_NAMES
                if isinstance(node.ctx, ast.Del):
                    deleted.add(node.id)  # whether that one is deleted, and stays so, nobody knows
            elif isinstance(node, ast.Attribute):
                dynamic = dynamic or node.attr in _DYNAMIC_ATTRIBUTES
        return Definitions(
            frozenset(names - deleted),
            self._imported,
            self._classes,
            frozenset(mentioned | deleted),
            dynamic,
        )

    def _bound(self, statements: Iterable[ast.stmt]) -> Iterator[str]:
        for statement in statements:
            if isinstance(statement, ast.ClassDef):
                self._classes[statement.name] = frozenset(_Reader("").names_of(statement.body))
                yield statement.name
            elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield statement.name
            elif isinstance(statement, (ast.Import, ast.ImportFrom)):
                yield from self._imports(statement)
            else:
                yield from _stored(statement)
                yield from self._bound(_blocks(statement))

    def names_of(self, statements: Iterable[ast.stmt]) -> set[str]:
        """Return what statements bind, without more ado."""
        return set(self._bound(statements))

    def _imports(self, statement: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(statement, ast.Import):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
            return
        module = self._absolute(statement.module or "", statement.level)
        for alias in statement.names:
            if alias.name == "*":
                self._dynamic = True
                continue
            bound = alias.asname or alias.name
            self._imported[bound] = (module, alias.name)
            yield bound

    def _absolute(self, module: str, level: int) -> str:
        if not level:
            return module
        parts = self._package.split(".")
        above = ".".join(parts[: len(parts) - level + 1])
        return f"{above}.{module}" if above and module else above or module


def _blocks(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the statements in the blocks of a compound statement."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            yield from child.body


def _stored(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that the expressions of a statement bind; its blocks and what is a scope of its own left out."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            yield node.name
        waiting += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, (ast.stmt, ast.ExceptHandler, ast.Lambda, ast.comprehension))
        ]
