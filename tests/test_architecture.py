"""The layers: imports point down only, what is heavy is imported where it is used, and each SDK in its own adapter."""

import ast
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest
from environments import add, make_place

import modelreg

ROOT = Path(modelreg.__file__).parent

# From the bottom up. A module may import those below its own layer, and those of its own.
LAYERS = {
    "ground": {"errors", "digest", "progress", "locks", "parallel"},
    "paths": {"paths", "files"},
    "store": {"store"},
    "rules": {
        *("reference", "canonical", "fields", "records", "events", "layout", "formats", "times", "version"),
        *("manifest", "pulled", "search", "difference", "settings", "source", "sizes"),
        *("environment", "image", "imports", "install", "lock", "export"),
    },
    "cache": {"cache"},
    "registry": {"registry"},
    "cli": {"cli"},
    "entrance": {"", "__main__"},
}
FLOOR = {name: floor for floor, names in enumerate(LAYERS.values()) for name in names}

# Rules know nothing of a store; what a rule reads of this machine is in modules of its own.
PURE = (
    *("reference", "paths", "canonical", "fields", "records", "events", "layout", "version"),
    *("manifest", "pulled", "search"),
)
OUTSIDE = {"os", "pathlib", "subprocess", "socket", "time", "shutil", "tempfile", "io", "sys", "urllib", "http"}
ALLOWED_OUTSIDE = {"records": {"os"}}  # random bits, for the name of an operation

HOMES: dict[str, str | tuple[str, ...]] = {
    "boto3": "store/s3",
    "botocore": "store/s3",
    "google": "store/gcs",
    "rich": "cli/",
    "typer": "cli/",
    "requests": ("image/remote", "store/gcs"),
    "urllib3": "image/remote",
    "zstandard": "image/layer",
    "yaml": ("manifest", "pulled", "export/conda"),
    "tomli_w": "export/pylock",
    "dataclasses": (),  # it loads inspect, which takes longer than most commands; values are NamedTuples
    "packaging": ("environment/", "export/", "install/", "lock/", "search", "difference"),
}


class Import(NamedTuple):
    """One import: who imports what, and whether that happens when the module itself is imported."""

    importer: str
    imported: str
    top: bool


def _modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def _imports(path: Path) -> Iterator[Import]:
    importer = path.relative_to(ROOT).with_suffix("").as_posix()
    yield from _walk(ast.parse(path.read_text(encoding="utf-8")), importer, top=True)


def _walk(node: ast.AST, importer: str, *, top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (Import(importer, alias.name, top) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{importer} imports relatively"
            module = child.module or ""
            yield Import(importer, module, top)
            yield from (
                Import(importer, f"{module}.{alias.name}", top)
                for alias in child.names
                if module == "modelreg" or _is_module(f"{module}.{alias.name}")
            )
        else:
            inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(child, importer, top=top and not inner)


def _is_module(name: str) -> bool:
    package, _, rest = name.partition(".")
    return package == ROOT.name and ROOT.joinpath(*rest.split(".")).with_suffix(".py").is_file()


IMPORTS = [found for path in _modules() for found in _imports(path)]


def _part(module: str) -> str:
    """Return the part of the package that a module belongs to: `modelreg.store.local` is of `store`."""
    return module.partition(".")[2].partition(".")[0]


def test_every_part_has_a_layer() -> None:
    parts = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in _modules()} - {"__init__"}
    assert parts == set(FLOOR) - {""}


def test_imports_point_down() -> None:
    wrong = []
    for importer, imported, _ in IMPORTS:
        if imported.partition(".")[0] != "modelreg" or imported in ("modelreg", "modelreg.__version__"):
            continue
        here = importer.partition("/")[0].removesuffix("__init__") if importer != "__main__" else importer
        part = _part(imported)
        if part not in FLOOR or FLOOR[part] > FLOOR[here]:
            wrong.append(f"{importer} imports {imported}")
    assert not wrong


def test_no_module_imports_itself_in_a_circle_not_even_when_it_is_used() -> None:
    below: dict[str, set[str]] = {}
    for importer, imported, _ in IMPORTS:
        if imported.startswith("modelreg."):
            name = importer.removesuffix("/__init__").replace("/", ".")
            below.setdefault(f"modelreg.{name}", set()).add(imported)
    TopologicalSorter(below).prepare()


@pytest.mark.parametrize("name", PURE)
def test_rules_neither_read_nor_write_anything(name: str) -> None:
    imported = {found.imported.partition(".")[0] for found in IMPORTS if found.importer == name}
    assert imported & OUTSIDE <= ALLOWED_OUTSIDE.get(name, set())


@pytest.mark.parametrize("package", HOMES)
def test_a_library_is_imported_only_where_it_belongs(package: str) -> None:
    homes = HOMES[package]
    strays = [
        found.importer
        for found in IMPORTS
        if found.imported.partition(".")[0] == package and not found.importer.startswith(homes)
    ]
    assert not strays


def test_rich_is_imported_only_where_something_is_drawn() -> None:
    drawing = [found for found in IMPORTS if found.imported.partition(".")[0] == "rich"]
    assert drawing
    assert {found.importer for found in drawing} <= {"cli/output", "cli/progress"}
    assert not [found for found in drawing if found.top]


def test_nothing_but_typer_itself_is_used_of_typer() -> None:
    names = {found.imported for found in IMPORTS if found.imported.startswith(("typer", "click"))}
    assert names == {"typer"}


def test_the_probe_imports_next_to_nothing() -> None:
    found = [found for found in IMPORTS if found.importer == "environment/probe"]
    assert {one.imported for one in found if one.top} == {"os", "sys"}
    # What it needs inside functions is either part of every interpreter or paid for by those few that need it.
    assert {one.imported for one in found if not one.top} <= {
        *("_imp", "_json", "json", "_hashlib", "_hashlib.openssl_sha256", "hashlib", "csv"),
    }


def _loaded(*arguments: str, registry: Path) -> set[str]:
    """Run a command line and return the modules that it loaded."""
    code = (
        "import sys, atexit, json; from modelreg.__main__ import main; "
        f"sys.argv = ['modelreg', *{list(arguments)!r}]; "
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr)); main()"
    )
    measured = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")  # else coverage and what it needs are loaded, too
    inherited = {name: value for name, value in os.environ.items() if name not in measured}
    environ = {**inherited, "MODELREG_REGISTRY": str(registry)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def _those_of(loaded: set[str], *packages: str) -> set[str]:
    return {module for module in loaded if module.partition(".")[0] in packages}


def test_the_version_is_printed_without_loading_anything(tmp_path: Path) -> None:
    loaded = _loaded("--version", registry=tmp_path / "registry")
    assert not _those_of(loaded, "typer", "rich", "yaml", "packaging", "subprocess", "pathlib")


HEAVY = ("typer", "rich", "yaml", "botocore", "google", "packaging", "asyncio", "concurrent", "dataclasses", "inspect")


def test_a_list_in_a_pipe_loads_nothing_heavy(tmp_path: Path, model: Path, captured: modelreg.Capture) -> None:
    registry = tmp_path / "registry"
    modelreg.Registry.open(str(registry)).register(model, "fraud", capture=captured)
    for arguments in (["list"], ["list", "fraud"], ["list", "--json"]):
        loaded = _loaded(*arguments, registry=registry)
        assert not _those_of(loaded, *HEAVY, "subprocess")
        assert not loaded & {"modelreg.environment.capture", "modelreg.source"}


def test_a_check_that_is_passed_loads_nothing_heavy(tmp_path: Path) -> None:
    registry, plain = tmp_path / "registry", tmp_path / "plain.pkl"
    place = make_place(tmp_path / "place")
    add(place.site, "one", "1.0")
    plain.write_bytes(pickle.dumps({"threshold": 0.5}))
    modelreg.Registry.open(str(registry)).register(plain, "fraud", capture=place.captured())
    assert not _those_of(_loaded("verify-env", "fraud", "--python", str(place.python), registry=registry), *HEAVY)


def test_registering_a_small_file_starts_no_machinery(tmp_path: Path, model: Path) -> None:
    loaded = _loaded("register", str(model), "fraud", registry=tmp_path / "registry")
    assert not _those_of(loaded, "rich", "yaml", "botocore", "google", "concurrent", "asyncio")


def test_importing_the_package_imports_nothing_of_it() -> None:
    code = "import sys, modelreg; print([name for name in sys.modules if name.startswith('modelreg.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert set(modelreg.__all__) == {name for name in modelreg.__all__ if hasattr(modelreg, name)}
