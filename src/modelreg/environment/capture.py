"""Read an interpreter's environment: run the probe in it, and make sense of the answer."""

import os
import sys
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, NamedTuple

from modelreg.digest import sha256_of
from modelreg.environment import probe
from modelreg.environment.cpu import extensions
from modelreg.environment.distribution import Duplicate, read_distributions
from modelreg.environment.interpreter import Asked, Interpreter, is_running_one
from modelreg.environment.record import Environment, Origin, Package, Platform, Python


class Capture(NamedTuple):
    """What an interpreter said: its environment, and what was odd about it.

    kind: `venv`, `conda` or `system`. paths: what added to `sys.path`, as in `CaptureNote`; None is unknown.
    duplicates: distributions that another one of the same name, earlier on the path, hides. unplaced: the packages of
    which it cannot be told where they came from, by name. cpu: as in `CaptureNote`.
    Of this machine, and never recorded: prefix, where the environment lies; interpreter, what was asked;
    places, the folder or file of each package's metadata, by name; search, its `sys.path`; editable, the folder that
    each editable package is imported from, by name; loaded, in the running process, what of the standard library it has
    imported, which no import looks for any more; stray, there, the files of the modules at the top that it has imported
    from a folder which is not on its path any more, by name.
    """

    environment: Environment
    kind: str
    prefix: str
    remarks: tuple[str, ...] = ()
    paths: tuple[str, ...] | None = None
    duplicates: tuple[Duplicate, ...] = ()
    interpreter: Path | None = None
    places: Mapping[str, str] = {}
    search: tuple[str, ...] = ()
    editable: Mapping[str, str] = {}
    unplaced: frozenset[str] = frozenset()
    cpu: tuple[str, ...] | None = None
    loaded: frozenset[str] = frozenset()
    stray: Mapping[str, str] = {}

    def record_digest(self, package: Package) -> str | None:
        """Return the digest of what a package installed, read now; None where nothing says what it installed."""
        place = self.places.get(package.name)
        if place is None or (package.origin is not None and package.origin.kind == "editable"):
            return None
        try:
            lines = probe.record_lines(Path(place, "RECORD").read_bytes())
        except OSError:
            return None
        return sha256_of(lines) if lines else None

    def with_commit(self, package: Package, wanted: str) -> Package:
        """Return an editable package with the commit its folder is at: the one that is wanted, if its files are those.

        It is returned as it is where its folder is at no commit that can be told.
        """
        return _with_commit(package, self.editable, wanted)

    def in_full(self) -> Environment:
        """Return the environment with what each package needs, read now where that was left out."""
        packages = self.environment.packages
        if not self.search or any(package.requires is not None for package in packages):
            return self.environment
        found = read_distributions(probe.distributions(self.search, whole=True))
        return self.environment._replace(packages=found.packages)


def capture(interpreter: Interpreter, *, in_process: bool = False, whole: bool = True) -> Capture:
    """Read the environment of an interpreter.

    whole: also what each package needs, the tags of its wheel and the digest of what it installed.
    in_process: read the running interpreter without starting another. Sound where nothing but the interpreter's own
    start-up has changed `sys.path`, as in the command-line tool; it is ignored for another interpreter.

    Raises:
        EnvironmentUnreadableError: the executable does not run, or is no Python.
    """
    if in_process and is_running_one(interpreter):
        return _made_of(_own_facts(whole=whole), interpreter.path, whole=whole)
    with Asked(interpreter, whole=whole) as asked:
        return answer(asked, whole=whole)


def answer(asked: Asked, *, whole: bool) -> Capture:
    """Read the environment of an interpreter that was asked already; whole: as it was asked.

    Raises:
        EnvironmentUnreadableError: it does not answer, or is no Python.
    """
    return _made_of(asked.facts(), asked.interpreter.path, whole=whole)


def capture_running(names: AbstractSet[str] | None = None) -> Capture:
    """Read the environment of the process that calls this: its `sys.path` as it is now.

    names: only these packages, normalised. They are looked for by the names of their metadata's folders, and one that
    is not found so among all that is installed.
    """
    facts: dict[str, Any] = probe.facts(sys.path, names=names)
    made = _made_of(facts, Path(sys.executable), whole=False)
    running = made._replace(loaded=_loaded(), stray=_stray(made.search))
    if names is None or names <= {package.name for package in running.environment.packages}:
        return running
    every = capture_running()
    packages = tuple(package for package in every.environment.packages if package.name in names)
    return every._replace(environment=every.environment._replace(packages=packages))


def _loaded() -> frozenset[str]:
    library = f"{os.path.dirname(os.__file__)}{os.sep}"  # noqa: PTH120  # compared as text
    imported = {name: sys.modules[name] for name in sys.stdlib_module_names & sys.modules.keys()}
    files = {name: getattr(module, "__file__", None) or library for name, module in imported.items()}
    return frozenset(name for name, file in files.items() if file.startswith(library))


def _stray(search: Collection[str]) -> Mapping[str, str]:
    """Return the files of the modules at the top that were imported from a folder which is not in `search`.

    What goes by another name, as Cython's modules do that enter themselves at the top, is no such module.
    """
    known = {*search, *map(os.path.realpath, search)}
    found = {}
    for name, module in [*sys.modules.items()]:
        if "." in name or getattr(module, "__name__", None) != name:
            continue
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            folder = file.rpartition(os.sep)[0]  # a thousand modules; a path of each takes ten times as long
            root = folder.rpartition(os.sep)[0] if hasattr(module, "__path__") else folder
            if root not in known and os.path.realpath(root) not in known:
                found[name] = file
    return found


def _made_of(facts: Mapping[str, Any], interpreter: Path, *, whole: bool) -> Capture:
    found = read_distributions(facts["distributions"])
    kind, prefix, libc = _kind(facts), facts["prefix"], facts["libc"] or (None, None)
    environment = Environment(
        Python(facts["python"], facts["implementation"], facts["soabi"]),
        Platform(facts["system"], facts["machine"], *libc),
        found.packages,
    )
    if whole and found.editable:
        packages = tuple(_with_commit(package, found.editable) for package in found.packages)
        environment = environment._replace(packages=packages)
    if whole and kind == "conda":
        # Imported here: few environments are conda's.
        from modelreg.environment.conda import with_conda

        environment = with_conda(environment, Path(prefix), found.places)
    remarks = (*found.remarks, *(_ADDED[path] for path in facts["paths"] if path in _ADDED))
    return Capture(
        environment,
        kind,
        prefix,
        remarks,
        paths=tuple(facts["paths"]),
        duplicates=found.duplicates,
        interpreter=interpreter,
        places=found.places,
        search=tuple(facts["search"]),
        editable=found.editable,
        unplaced=found.unplaced,
        cpu=extensions(),
    )


_ADDED = {
    "pythonpath": "PYTHONPATH was set: its packages are part of this environment",
    "user-site": "the user's own site-packages folder was in use: its packages are part of this environment",
}


def _with_commit(package: Package, editable: Mapping[str, str], wanted: str | None = None) -> Package:
    """Return a package with the commit that its folder is at, where it is editable. wanted: as in `editable_origin`."""
    folder = editable.get(package.name)
    return package if folder is None else package._replace(origin=editable_origin(Path(folder), wanted))


def editable_origin(folder: Path, wanted: str | None = None) -> Origin:
    """Return the origin of an editable package: the commit that its folder is at, or no commit where none can be told.

    wanted: a commit that is returned if the folder's tracked files are as it has them, whatever is checked out.
    """
    # Imported here: it starts git, and few environments hold anything editable.
    from modelreg.source import git_source, is_as_in

    if wanted is not None and is_as_in(folder, wanted):
        return Origin("editable", None, "git", wanted, dirty=False)
    source = git_source(folder)
    if source is None:
        return Origin("editable")
    # What was changed elsewhere in the repository, such as a notebook, is not in the package.
    dirty = source.dirty and not is_as_in(folder, source.commit)
    return Origin("editable", source.remote, "git", source.commit, dirty=dirty)


def _own_facts(*, whole: bool) -> dict[str, Any]:
    # The first entry is the folder of the script that was started, unless Python was told to leave it out (-P).
    facts: dict[str, Any] = probe.facts(sys.path if sys.flags.safe_path else sys.path[1:], whole)
    return facts


def _kind(facts: Mapping[str, Any]) -> str:
    if Path(facts["prefix"], "conda-meta").is_dir():
        return "conda"
    return "system" if facts["prefix"] == facts["base_prefix"] else "venv"
