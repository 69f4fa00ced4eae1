"""Which versions files say they were made with, and what they import beside their globals."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from modelreg import Capture, EnvironmentMismatchError, Package, Registry
from modelreg.files import find_source
from modelreg.imports.scan import scan

# What XGBoost 3.2.0 writes at the end of a model: UBJSON, a list of three integers of a byte each.
UBJ = b"{L\0\0\0\0\0\0\0\x07learner{}L\0\0\0\0\0\0\0\x07version[#L\0\0\0\0\0\0\0\x03i\x03i\x02i\0}"
# MetaInfoDef of a SavedModel: tags, tensorflow_version, tensorflow_git_version.
SAVED = b"\x08\x01\x12\x30\x0a\x2e\x22\x05serve\x2a\x062.15.0\x32\x12v2.15.0-rc1-8-g6887368d6d4"
SKOPS = {
    "__class__": "LogisticRegression",
    "__module__": "sklearn.linear_model._logistic",
    "content": {
        "__class__": "dict",
        "__module__": "builtins",
        "content": {
            "coef_": {"__class__": "ndarray", "__module__": "numpy", "file": "1.npy"},
            "_sklearn_version": {"__class__": "str", "__module__": "builtins", "content": '"1.9.1"'},
        },
    },
    "_skops_version": "0.16.0",
}


def zipped(path: Path, **members: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.json", text)


def pickled_booster(path: Path, protocol: int) -> None:
    """Pickle a booster as XGBoost does, whose state holds its model as a bytearray."""
    core = path.parent / "xgboost" / "core.py"
    core.parent.mkdir()
    core.write_text("class Booster: pass", encoding="utf-8")
    code = (
        "import pickle, pathlib, sys, xgboost.core; made = xgboost.core.Booster(); "
        f"made.handle = bytearray({UBJ!r}); pathlib.Path({str(path)!r}).write_bytes(pickle.dumps(made, {protocol}))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=path.parent, check=True)


WRITTEN: dict[str, Callable[[Path], object]] = {
    "model.ubj": lambda path: path.write_bytes(UBJ),
    "model.json": lambda path: path.write_bytes(b'{"learner":{"x":"' + b"y" * 9999 + b'"},"version":[3,2,0]}'),
    "model.keras": lambda path: zipped(path, metadata='{"keras_version": "3.15.1", "date_saved": "2026-11-01"}'),
    "model.skops": lambda path: zipped(path, schema=json.dumps(SKOPS)),
    "saved_model.pb": lambda path: path.write_bytes(b"\0" * 5000 + SAVED + b"\0" * 5000),
    **{f"{n}.pkl": partial(pickled_booster, protocol=n) for n in range(2, 6)},
}
VERSIONS = {
    "model.keras": {"keras": "3.15.1"},
    "model.skops": {"skops": "0.16.0", "scikit-learn": "1.9.1"},
    "saved_model.pb": {"tensorflow": "2.15.0"},
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_tells_what_it_was_made_with(tmp_path: Path, name: str) -> None:
    WRITTEN[name](tmp_path / name)
    found = scan(find_source(tmp_path / name).files).imports
    assert found is not None
    assert (found.versions, found.complete) == (VERSIONS.get(name, {"xgboost": "3.2.0"}), True)
    if name == "model.skops":
        assert found.names == {
            "builtins": ("dict", "str"),
            "numpy": ("ndarray",),
            "sklearn.linear_model._logistic": ("LogisticRegression",),
        }


def test_a_framework_may_be_installed_under_another_name(registry: Registry, captured: Capture, tmp_path: Path) -> None:
    path = tmp_path / "model.ubj"
    path.write_bytes(UBJ)
    for packages in ((), (Package("xgboost-cpu", "2.1"),)):
        other = captured._replace(environment=captured.environment._replace(packages=packages))
        with pytest.raises(EnvironmentMismatchError, match=r"made with xgboost 3\.2\.0, but the environment"):
            registry.register(path, "fraud", capture=other)
    fitting = captured._replace(environment=captured.environment._replace(packages=(Package("xgboost-cpu", "3.2.0"),)))
    assert registry.register(path, "fraud", capture=fitting).version.number == 1


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


SILENT = {
    "other.json": b'{"version":[3,2,0]',
    "config.json": b'{"model_type": "bert", "version": [3, 2, 0]}',
    "empty.ubj": b"",
    "no.keras": b"PK\x03\x04 and no more",
    "no.pb": b"\x22\x05serve\x2a\x992.15.0\x32",
}


@pytest.mark.parametrize(("name", "data"), SILENT.items(), ids=SILENT)
def test_what_says_nothing_is_passed_over(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    found = scan(find_source(tmp_path / name).files).imports
    assert found is None


@pytest.mark.parametrize(
    "metadata",
    ["", "[]", "null", '{"keras_version": 3}', '{"keras_version": "\\u001b[2J"}', nested(200_000), '{"a": ' * 100_000],
)
def test_a_hostile_description_does_no_harm(tmp_path: Path, metadata: str) -> None:
    zipped(tmp_path / "model.keras", metadata=metadata)
    zipped(tmp_path / "model.skops", schema=metadata)
    for name in ("model.keras", "model.skops"):
        assert scan(find_source(tmp_path / name).files).imports is None


def test_a_member_that_unpacks_to_too_much_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", b'{"keras_version": "3.15.1", "x": "' + b" " * (70 * 1024**2) + b'"}')
    assert scan(find_source(tmp_path / "model.keras").files).imports is None


def test_arrays_of_objects_are_pickles(tmp_path: Path) -> None:
    objects = np.array([zipfile.ZipInfo(), 1], dtype=object)
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    np.save(tmp_path / "numbers.npy", np.arange(3))
    np.savez(tmp_path / "both.npz", a=np.arange(3), b=objects)
    for name in ("objects.npy", "both.npz"):
        found = scan(find_source(tmp_path / name).files).imports
        assert found is not None
        assert "zipfile" in found.names
    assert scan(find_source(tmp_path / "numbers.npy").files).imports is None


IMPORTING = {
    "cloudpickle": b"ccloudpickle.cloudpickle\nsubimport\n(S'numpy.linalg'\ntR.",
    "dill": b"cdill._dill\n_import_module\n(S'numpy.linalg'\ntR.",
    "dill in a protocol of today": b"\x80\x04\x8c\x0adill._dill\x8c\x0e_import_module\x93\x8c\x0cnumpy.linalg\x85R.",
}


@pytest.mark.parametrize("data", IMPORTING.values(), ids=IMPORTING)
def test_modules_that_are_imported_whole_are_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(data)
    found = scan(find_source(path).files).imports
    assert found is not None
    assert found.names["numpy.linalg"] == ()
