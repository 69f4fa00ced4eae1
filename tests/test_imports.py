"""What a model's pickles import, found without loading them."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from conftest import Run
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelreg import Capture, EnvironmentMismatchError, Registry
from modelreg.files import find_source
from modelreg.imports.scan import scan
from modelreg.imports.source import imported
from modelreg.records import Imports


def scanned(path: Path) -> Imports:
    """Scan a file that is a pickle."""
    found = scan(find_source(path).files).imports
    assert found is not None
    return found


def pairs(imports: Imports) -> set[tuple[str, str]]:
    """Return what is imported as pairs of module and name."""
    return {(module, name) for module, names in imports.names.items() for name in names}


@pytest.fixture(scope="module")
def model() -> object:
    """A fitted pipeline, with arrays of numbers, of structures and of objects around it."""
    data, target = make_classification(200, random_state=0)
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)).fit(data, target)
    boosted = GradientBoostingClassifier(n_estimators=2).fit(data, target)
    odd = np.array([np.arange(3), "text", boosted], dtype=object)
    structured = np.zeros(7, dtype=[("weight", "f8"), ("label", "U4")])
    return {"forest": forest, "odd": odd, "structured": structured, "empty": np.zeros((0, 3)), "fortran": data.T}


def truth(path: Path) -> set[tuple[str, str]]:
    """Load a plain pickle for real, and tell what it asked for."""
    asked: set[tuple[str, str]] = set()

    class Watching(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401  # as in the class it extends
            asked.add((module, name))
            return super().find_class(module, name)

    with path.open("rb") as file:
        Watching(file).load()
    return asked


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_of_any_protocol_tells_exactly_what_loading_it_asks_for(
    model: object, tmp_path: Path, protocol: int
) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model, protocol))
    imports = scanned(path)
    assert pairs(imports) == truth(path)
    assert imports.complete


@pytest.mark.parametrize("compression", [0, "zlib", "gzip", "bz2", "lzma", "xz"])
def test_joblib_files_are_read_past_their_arrays_however_they_are_compressed(
    model: object, tmp_path: Path, compression: str | int
) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(model, path, compress=(compression, 3) if compression else 0)
    imports = scanned(path)
    assert imports.complete
    # What stands behind the first array is found, too: the object array is the last but two.
    assert {"joblib.numpy_pickle", "sklearn.pipeline", "sklearn.ensemble._gb", "sklearn.dummy"} <= imports.names.keys()


def test_the_version_an_estimator_was_made_with_is_read_from_it(model: object, tmp_path: Path) -> None:
    import sklearn

    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    assert scanned(path).versions == {"scikit-learn": sklearn.__version__}


def test_the_pickles_in_a_zip_file_are_read_as_in_those_of_torch(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(zipfile.ZipInfo))
        archive.writestr("model/data/0", b"\0" * 100)
    assert scanned(path).names == {"zipfile": ("ZipInfo",)}


def test_several_pickles_in_a_row_are_all_read(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(io.StringIO) + pickle.dumps(zipfile.ZipInfo) + b"raw bytes that are no pickle")
    assert {"zipfile"} < scanned(path).names.keys()


def test_a_folder_is_read_whole_and_what_is_no_pickle_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing")
    assert scan(find_source(folder).files).imports is None
    (folder / "a.pkl").write_bytes(pickle.dumps(zipfile.ZipInfo))
    (folder / "weights").write_bytes(pickle.dumps(pickle.PickleBuffer))
    imports = scanned(folder)
    assert pairs(imports) == {("zipfile", "ZipInfo"), ("pickle", "PickleBuffer")}


MARK = "modelreg-was-here"
HOSTILE = {
    "a call of os.system": b"cos\nsystem\n(S'touch " + MARK.encode() + b"'\ntR.",
    "INST": b"(S'touch " + MARK.encode() + b"'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'touch " + MARK.encode() + b"'\no.",
    "exec": b"cbuiltins\nexec\n(S'open(\"" + MARK.encode() + b'", "w")\'\ntR.',
    "a chain of getattr": b"cbuiltins\ngetattr\n(cos\n__dict__\nS'system'\ntR(S'touch " + MARK.encode() + b"'\ntR.",
    "a huge memo": b"\x80\x04Nr\xff\xff\xff\x7f.",
    "a huge string": b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b"x",
    "a huge frame": b"\x80\x04\x95" + (1 << 45).to_bytes(8, "little") + b"x",
    "deep nesting": b"\x80\x04" + b"(" * 200_000 + b".",
    "a name with control characters": b"\x80\x04\x8c\x04\x1b[2J\x8c\x01x\x93.",
    "a forged array": b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}S'shape'\nI9\nsb.",
    "nothing": b"",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_of_a_hostile_file_runs_and_it_is_registered_all_the_same(
    run: Run, tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "work" / "hostile.pkl"
    path.write_bytes(data)
    ran = run("register", str(path), "hostile")
    assert (ran.code, ran.out) == (0, "hostile:1\n")
    assert not list(tmp_path.rglob(MARK))
    shown = run("show", "hostile").out
    assert "\x1b" not in shown
    assert ("complete: true" in shown) or "could not be read to its end" in ran.err


def test_a_function_of_the_script_that_made_the_model_is_warned_of(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "work" / "model.pkl"
    path.write_bytes(b"c__main__\nfeature\n.")
    ran = run("register", str(path), "fraud")
    assert ran.code == 0
    assert "__main__.feature" in ran.err


def test_a_model_made_with_another_version_is_refused_unless_that_is_allowed(
    registry: Registry, captured: Capture, tmp_path: Path
) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02csklearn.tree\nTree\n)\x81}U\x10_sklearn_versionU\x051.3.2sb.")
    assert scanned(path).versions == {"scikit-learn": "1.3.2"}
    with pytest.raises(EnvironmentMismatchError, match=r"scikit-learn 1\.3\.2, but the environment has 1\.5\.2"):
        registry.register(path, "fraud", capture=captured)
    assert registry.models() == ()
    assert registry.register(path, "fraud", capture=captured, allow_mismatch=True).version.number == 1


def test_what_a_version_imports_that_the_one_before_did_not_is_shown_by_diff(
    registry: Registry, captured: Capture, tmp_path: Path
) -> None:
    path = tmp_path / "model.pkl"
    for code in (b"ccollections\nOrderedDict\n.", b"cos\nsystem\n."):
        path.write_bytes(code)
        registry.register(path, "fraud", capture=captured)
    changes = {(change.name, change.kind) for change in registry.diff("fraud:1", "fraud:2") if change.part == "import"}
    assert changes == {("os.system", "added"), ("collections.OrderedDict", "removed")}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"import a.b, c as d", ["a.b", "c"]),
        (b"from google.cloud import storage", ["google.cloud", "google.cloud.storage"]),
        (b"from . import a\nfrom .b import c\nfrom ..d import e", []),
        (b"def f():\n    try:\n        import a\n    except ImportError:\n        pass", ["a"]),
        (b"import a\nnot python at all", []),
        (b"\xff\0", []),
    ],
)
def test_what_a_source_imports_is_told_by_absolute_names(source: bytes, expected: list[str]) -> None:
    assert list(imported(source)) == expected
