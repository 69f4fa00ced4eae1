"""Does the code that a model's pickles name still exist there? Told from files, and never wrongly said to be gone."""

import os
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelreg.files import find_source
from modelreg.imports.lookup import State, look_up
from modelreg.imports.scan import scan
from modelreg.records import Imports

LIBRARY = str(Path(os.__file__).parent)


def _write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def _imports(*names: str, missing: tuple[str, ...] = ()) -> Imports:
    """Return imports such as `package.module:Class`, each provided by the package of its first part."""
    modules: dict[str, tuple[str, ...]] = {}
    for name in names:
        module, _, last = name.partition(":")
        modules[module] = (*modules.get(module, ()), last)
    provided = {module: module.partition(".")[0] for module in modules if module not in missing}
    return Imports(modules, {}, complete=True, packages=provided, missing=missing)


def _states(imports: Imports, *search: Path | str) -> list[State]:
    return [found.state for found in look_up(imports, [str(folder) for folder in search])]


DEFINED = {
    "a class": "class Thing:\n    pass\n",
    "a function": "def Thing():\n    pass\n",
    "a coroutine": "async def Thing():\n    pass\n",
    "an assignment": "Thing = 1\n",
    "an annotated assignment": "Thing: int = 1\n",
    "one of several targets": "Other, (Thing, *rest) = 1, (2, 3)\n",
    "a class under a condition": "if 1 > 2:\n    class Thing: ...\nelse:\n    Other = 1\n",
    "a fallback": "try:\n    from fast import Thing\nexcept ImportError:\n    Thing = None\n",
    "only the fallback": "try:\n    Other = 1\nexcept ImportError:\n    Thing = None\n",
    "a loop's variable": "for Thing in ():\n    pass\n",
    "a context": "with open(__file__) as Thing:\n    pass\n",
    "an expression's": "if (Thing := 1):\n    pass\n",
    "an import": "import Thing\n",
    "an import under another name": "import other as Thing\n",
    "a re-export": "from .other import Thing\n",
    "a re-export under another name": "from .other import Other as Thing\n",
    "a global of a function": "def make():\n    global Thing\n    Thing = 1\n",
    "a pattern's": "match 1:\n    case Thing:\n        pass\n",
    "a re-export among others": "from .other import (\n    Other,\n    Thing,\n)\n",
    "a re-export in a block": "if 1 > 2:\n    pass\nelse:\n    from .other import (\n        Thing,\n    )\n",
    "a re-export after others": "from .other import Other, Thing\n",
    "with a warning in it": "PATTERN = '\\d'\n(Thing) = 1\n",
}


@pytest.mark.parametrize("source", DEFINED.values(), ids=DEFINED)
def test_a_name_that_is_defined_exists(tmp_path: Path, source: str) -> None:
    _write(tmp_path, {"pkg/__init__.py": source, "pkg/below.py": source})
    assert _states(_imports("pkg:Thing", "pkg.below:Thing"), tmp_path) == [State.EXISTS] * 2


UNKNOWN = {
    "is made on demand": "def __getattr__(name):\n    return 1\n",
    "may be entered": "globals()['Th' + 'ing'] = 1\n",
    "may be set": "import sys\nsetattr(sys.modules[__name__], 'Th' + 'ing', 1)\n",
    "may be set from elsewhere": "def add(kind):\n    import pkg\n    setattr(pkg, kind.__name__, kind)\n",
    "may be run": "exec('Th' + 'ing = 1')\n",
    "may come with all of an extension module": "from ._native import *\n",
    "may come with all of what is not there": "from absent import *\n",
    "may come with all of another module": "from .other import *\n",
    "may come with all of another module in some case": "if 1 < 2:\n    from .other import *\n",
    "is mentioned": "EXPORTED = ['Thing']\n",
    "may be deleted": "Thing = 1; del Thing\n",
    "is in another language": "print 'Python 2'\n",
    "is in a source of no honest size": "#" * (5 << 20),
    "is below too many levels": "(" * 5000,
}


@pytest.mark.parametrize("source", UNKNOWN.values(), ids=UNKNOWN)
def test_a_name_that_may_come_by_other_means_is_unknown(tmp_path: Path, source: str) -> None:
    _write(tmp_path, {"pkg/__init__.py": source, "pkg/other.py": "Other = 1\n", "pkg/_native.abi3.so": b"\x7fELF"})
    assert _states(_imports("pkg:Thing"), tmp_path) == [State.UNKNOWN]


GONE = {
    "another name": "class Other:\n    Thing = 1\n",
    "a name within a function": "def make():\n    Thing = 1\n    class Thing: ...\n",
    "an import within a function": "def make():\n    from .other import Thing\n",
    "an import within a function in a block": "if 1:\n    def make():\n        from .other import Thing\n",
    "a comment": "# class Thing was removed\n",
    "a longer name": "class Things: ...\nclass MyThing: ...\n",
    "a module's name": "from Thing import Other\nfrom .Thing import Another\n",
    "another name for it": "from .other import Thing as Other\n",
    "another name for it, among others": "from .other import (\n    Another,\n    Thing as Other,\n)\n",
    "beside an import": "from .other import Other; print(Thing)\n",
    "after an import": "from .other import (Other)\nprint(Thing)\n",
    "a comparison": "Other = Thing == 1 if False else 0\n",
    "nothing": "",
}


@pytest.mark.parametrize("source", GONE.values(), ids=GONE)
def test_a_name_that_nothing_defines_is_gone(tmp_path: Path, source: str) -> None:
    _write(tmp_path, {"pkg/__init__.py": "", "pkg/below.py": source})
    (found,) = look_up(_imports("pkg.below:Thing"), [str(tmp_path)])
    assert (found.state, str(found)) == (State.GONE, "pkg.below has no Thing")


def test_what_is_below_a_name_exists_or_is_unknown_but_without_the_name_it_is_gone(tmp_path: Path) -> None:
    _write(tmp_path, {"pkg.py": "class Thing(Base):\n    def own(self): ...\n", "again.py": "from pkg import Thing\n"})
    below = _imports("pkg:Thing.own", "pkg:Thing.inherited", "pkg:Absent.own", "again:Thing.own", "again:Thing.other")
    states = [State.EXISTS, State.UNKNOWN, State.GONE, State.EXISTS, State.UNKNOWN]
    assert _states(below, tmp_path) == states


THERE = {
    "a module": {"pkg.py": ""},
    "a package": {"pkg/__init__.py": ""},
    "bytecode alone": {"pkg.pyc": b""},
    "an extension module": {"pkg.cpython-311-x86_64-linux-gnu.so": b"x"},
    "one for any Python": {"pkg.abi3.so": b"x"},
    "one of Windows": {"pkg.cp311-win_amd64.pyd": b"x"},
    "a package that is an extension module": {"pkg/__init__.cpython-311-darwin.so": b"x"},
    "a namespace package": {"pkg/part/__init__.py": ""},
}


@pytest.mark.parametrize("files", THERE.values(), ids=THERE)
def test_a_module_of_any_kind_is_found(tmp_path: Path, files: Mapping[str, str | bytes]) -> None:
    _write(tmp_path, files)
    assert _states(_imports("pkg:"), tmp_path / "empty", tmp_path) == [State.EXISTS]


def test_a_namespace_package_has_its_parts_in_several_folders(tmp_path: Path) -> None:
    _write(tmp_path, {"one/space/first.py": "Thing = 1\n", "two/space/second/__init__.py": "Thing = 1\n"})
    names = _imports("space.first:Thing", "space.second:Thing", "space.third:Thing", "space:first", "space:third")
    states = [State.EXISTS, State.EXISTS, State.GONE, State.EXISTS, State.UNKNOWN]
    assert _states(names, tmp_path / "one", tmp_path / "two") == states


def test_the_first_on_the_path_counts(tmp_path: Path) -> None:
    _write(tmp_path, {"one/pkg.py": "Other = 1\n", "two/pkg.py": "Thing = 1\n"})
    assert _states(_imports("pkg:Thing"), tmp_path / "one", tmp_path / "two") == [State.GONE]
    assert _states(_imports("pkg:Thing"), tmp_path / "two", tmp_path / "one") == [State.EXISTS]


def test_a_module_that_was_moved_away_is_gone_and_named(tmp_path: Path) -> None:
    _write(tmp_path, {"sklearn/__init__.py": "", "sklearn/ensemble/__init__.py": "from ._gb import *\n"})
    (found,) = look_up(_imports("sklearn.ensemble._gb_losses:BinomialDeviance"), [str(tmp_path)])
    assert (found.state, str(found)) == (State.GONE, "there is no module sklearn.ensemble._gb_losses")


HARMLESS = {
    "setuptools": "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
    "enabled and __import__('_distutils_hack').add_shim(); \n",
    "virtualenv": "import _virtualenv\n",
    "pytest-cov": "import os, sys;exec('import coverage')\n",
}


@pytest.mark.parametrize("line", HARMLESS.values(), ids=HARMLESS)
def test_what_runs_when_python_starts_and_finds_no_modules_leaves_no_doubt(tmp_path: Path, line: str) -> None:
    _write(tmp_path, {"a.pth": line})
    assert _states(_imports("pkg.below:Thing"), tmp_path) == [State.GONE]


ABSENT: dict[str, tuple[str, dict[str, str | bytes]]] = {
    "a package adds to its path": ("pkg.below", {"pkg/__init__.py": "__path__.append('elsewhere')\n"}),
    "a package enters modules": ("pkg.below", {"pkg/__init__.py": "import sys\nsys.modules['pkg.below'] = sys\n"}),
    "a module enters modules": ("six.moves", {"six.py": "import sys\nsys.meta_path.append(None)\n"}),
    "an extension module has submodules": ("pkg._C._nn", {"pkg/__init__.py": "", "pkg/_C.abi3.so": b"x"}),
    "bytecode tells nothing": ("pkg.below", {"pkg/__init__.pyc": b""}),
    "an editable's finder": ("ours.model", {"x.pth": "import __editable___ours_finder; install()\n"}),
    "an archive may hold it": ("other.model", {"packages.egg": zipfile.ZipFile.__module__}),
    "no name of a module": ("pkg..below", {"pkg/__init__.py": ""}),
    "no name, but a path": ("../pkg", {"pkg/__init__.py": ""}),
}


@pytest.mark.parametrize(("module", "files"), ABSENT.values(), ids=ABSENT)
def test_a_module_that_may_come_by_other_means_is_unknown(
    tmp_path: Path, module: str, files: Mapping[str, str | bytes]
) -> None:
    _write(tmp_path, files)
    assert _states(_imports(f"{module}:Thing"), tmp_path, tmp_path / "packages.egg") == [State.UNKNOWN]


def test_what_no_package_provided_where_the_model_was_made_is_unknown(tmp_path: Path) -> None:
    _write(tmp_path, {"helpers/__init__.py": ""})
    names = _imports("features:Thing", "helpers.features:Thing", missing=("features", "helpers.features"))
    assert _states(names, tmp_path) == [State.UNKNOWN] * 2
    assert _states(Imports({"__main__": ("feature",)}, {}, complete=True), tmp_path) == [State.UNKNOWN]


def test_what_is_no_name_in_a_source_is_unknown(tmp_path: Path) -> None:
    """Pydantic makes classes of generic models when they are asked for, and enters them in the module."""
    _write(tmp_path, {"pkg.py": "class Box: ...\nIntBox = Box[int]\n"})
    assert _states(_imports("pkg:Box[int]", "pkg:Box.of[a.b]", "pkg:make.<locals>.f"), tmp_path) == [State.UNKNOWN] * 3


def test_distutils_may_be_that_of_setuptools(tmp_path: Path) -> None:
    names = Imports({"distutils.version": ("LooseVersion",)}, {}, complete=True, packages={}, missing=())
    _write(tmp_path, {"distutils/__init__.py": "", "distutils/version.py": ""})
    assert _states(names, tmp_path) == [State.UNKNOWN]


def test_where_nobody_knows_who_provided_a_module_only_what_lacks_in_a_package_is_gone(tmp_path: Path) -> None:
    _write(tmp_path, {"pkg/__init__.py": ""})
    names = Imports({"features": ("Thing",), "pkg.below": ("Thing",)}, {}, complete=True)
    assert _states(names, tmp_path) == [State.UNKNOWN, State.GONE]


def test_a_bare_name_that_cython_pickles_under_is_unknown(tmp_path: Path) -> None:
    names = Imports({"_loss": ("CyLoss",)}, {}, complete=True, packages={"_loss": "scikit-learn"}, missing=())
    _write(tmp_path, {"sklearn/_loss/_loss.abi3.so": b"__pyx_ CyLoss"})
    assert _states(names, tmp_path) == [State.UNKNOWN]


BINARIES = {
    "its name": (b"\0__pyx_unpickle_Loss\0", State.EXISTS),
    "another function of the kind": (b"\0__pyx_unpickle_Other\0", State.GONE),
    "nothing of the kind": (b"\0__pyx_capi__\0cline_in_traceback\0", State.GONE),
    "names that Cython has compressed": (b"\0__pyx_capi__\0__name__\0", State.UNKNOWN),
    "all of another module": (b"\0cline_in_traceback\0from-import-* object", State.UNKNOWN),
    "no sign of Cython": (b"\0PyInit_loss\0", State.UNKNOWN),
    "nothing": (b"", State.UNKNOWN),
}


@pytest.mark.parametrize(("text", "state"), BINARIES.values(), ids=BINARIES)
def test_an_extension_module_has_what_its_text_says(tmp_path: Path, text: bytes, state: State) -> None:
    _write(tmp_path, {"pkg/__init__.py": "", "pkg/loss.cpython-313-x86_64-linux-gnu.so": text})
    assert _states(_imports("pkg.loss:__pyx_unpickle_Loss"), tmp_path) == [state]


def test_what_python_2_called_otherwise_is_looked_up_as_python_3_does(tmp_path: Path) -> None:
    names = Imports({"copy_reg": ("_reconstructor",), "__builtin__": ("xrange", "object")}, {}, complete=True)
    assert _states(names, LIBRARY) == [State.EXISTS] * 3


def test_python_s_own_module_that_a_later_one_has_not_is_gone(tmp_path: Path) -> None:
    _write(tmp_path, {"os.py": "", "pathlib.py": "class Path: ...\n"})
    names = Imports({"imp": ("new_module",), "pathlib._local": ("PosixPath",)}, {}, True, packages={}, missing=())
    assert _states(names, tmp_path) == [State.GONE] * 2
    own = Imports({"pathlib": ("Path",)}, {}, complete=True, packages={}, missing=())
    assert _states(own, tmp_path / "no-library") == [State.UNKNOWN]


def test_nothing_that_a_model_names_is_gone_from_its_own_environment(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((60, 3))
    truth = rows[:, 0] > 0.5
    columns = make_column_transformer((OneHotEncoder(), [0]), remainder=StandardScaler())
    models = [
        make_pipeline(SimpleImputer(), StandardScaler(), GradientBoostingClassifier(n_estimators=2)).fit(rows, truth),
        HistGradientBoostingClassifier(max_iter=2).fit(rows, truth),
        make_pipeline(columns, LogisticRegression()).fit(rows.round(0), truth),
        [np.float64(1), np.dtype("f8"), np.ma.array([1]), np.random.default_rng(1), partial(print), OrderedDict()],
        [datetime(2026, 1, 1), Path(), len, complex(1), bytearray(b"x"), frozenset(), object()],  # noqa: DTZ001
    ]
    for number, model in enumerate(models):
        for protocol in (1, 2, 5):
            tmp_path.joinpath(f"{number}-{protocol}.pkl").write_bytes(pickle.dumps(model, protocol))
    imports = scan(find_source(tmp_path).files).imports
    assert imports is not None
    found = list(look_up(imports, [entry for entry in sys.path if entry]))
    assert len(found) > 40
    assert not [str(one) for one in found if one.state is State.GONE]
    unknown = {f"{one.module}.{one.name}" for one in found if one.state is State.UNKNOWN}
    assert len(unknown) < len(found) / 5, unknown


def test_nothing_of_the_environment_is_run(tmp_path: Path) -> None:
    _write(tmp_path, {"pkg/__init__.py": "open('ran', 'w')\n", "x.pth": "import pkg\n", "pkg/below.py": "1 / 0\n"})
    code = (
        "import sys; from modelreg.imports.lookup import look_up; from modelreg.records import Imports; "
        f"list(look_up(Imports({{'pkg.below': ('Thing',)}}, {{}}, True), [{str(tmp_path)!r}])); "
        "sys.exit('pkg' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    assert not tmp_path.joinpath("ran").exists()
