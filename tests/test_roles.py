"""What a model needs of its environment: roles and groups, from registering to the pulled manifest."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest
import yaml
from conftest import Run
from environments import Place, add, make_place, make_wheel
from hand_made import put
from sklearn.ensemble import HistGradientBoostingClassifier

from modelreg import Capture, IntegrityError, Package, Registry, capture, find_interpreter
from modelreg.environment.roles import load_critical, tooling
from modelreg.pulled import PulledManifest
from modelreg.records import Roles
from modelreg.store import Store


@pytest.fixture(scope="module")
def here() -> Capture:
    """The environment that the tests run in."""
    return capture(find_interpreter())


@pytest.fixture(scope="module")
def fitted() -> object:
    return HistGradientBoostingClassifier(max_iter=2).fit([[n] for n in range(50)], [n % 2 for n in range(50)])


def test_what_an_estimator_imports_is_provided_by_packages_whose_closure_is_load_critical(
    beside: Registry, here: Capture, fitted: object, tmp_path: Path
) -> None:
    joblib.dump(fitted, tmp_path / "model.joblib")
    record = beside.register(tmp_path / "model.joblib", "fraud", capture=here).version.record
    assert record.imports is not None
    assert record.imports.packages is not None
    assert record.imports.packages["sklearn.ensemble._hist_gradient_boosting.predictor"] == "scikit-learn"
    assert record.imports.packages.keys() == {
        module for module in record.imports.names if module not in ("builtins", "collections", "copyreg")
    }
    assert record.imports.missing == ()
    assert record.roles is not None
    assert {"scikit-learn", "numpy", "scipy", "joblib", "threadpoolctl"} <= {*record.roles.load_critical}
    assert not {"pytest", "typer", "modelreg"} & {*record.roles.load_critical}
    assert "numpy" not in record.roles.tooling
    assert {"modelreg", "pip"} <= {*record.roles.tooling}


def in_environment(captured: Capture, *packages: Package) -> Capture:
    return captured._replace(environment=captured.environment._replace(packages=packages))


TOOLS = (
    Package("modelreg", "1", requires=("rich", "typer", "pyyaml", "boto3; extra == 's3'"), requested=True),
    Package("rich", "1", requires=("markdown-it",)),
    *(
        Package(name, "1", requires=())
        for name in ("boto3", "markdown-it", "pip", "pyyaml", "setuptools", "typer", "uv")
    ),
)


def test_tooling_is_what_nothing_but_the_tools_needs(captured: Capture) -> None:
    app = Package("app", "1", requires=("pyyaml",))
    environment = in_environment(captured, *TOOLS, app).environment
    alone = ("boto3", "markdown-it", "modelreg", "pip", "rich", "setuptools", "typer", "uv")
    assert tooling(environment, ()) == alone
    assert tooling(environment, ("rich",)) == ("boto3", "modelreg", "pip", "setuptools", "typer", "uv")
    asked = in_environment(captured, *(one._replace(requested=True) if one.name == "rich" else one for one in TOOLS))
    assert tooling(asked.environment, ()) == ("boto3", "modelreg", "pip", "pyyaml", "setuptools", "typer", "uv")
    builds = app._replace(requires=("setuptools",))
    assert "setuptools" not in tooling(in_environment(captured, *TOOLS, builds).environment, ())


def test_where_a_package_does_not_say_what_it_needs_only_the_tools_themselves_are_tooling(captured: Capture) -> None:
    environment = in_environment(captured, *TOOLS, Package("damaged", "1")).environment
    assert tooling(environment, ()) == ("modelreg", "pip", "uv")
    assert load_critical(environment, ["rich"]) == ("markdown-it", "rich")
    assert load_critical(environment, ["damaged"]) is None
    assert load_critical(environment, []) is None


def with_places(captured: Capture, site: Path, *packages: Package) -> Capture:
    """Return a capture of packages that lie in `site`, each with one module of its name."""
    places = {}
    for package in packages:
        info = add(site, package.name, package.version)
        info.joinpath("RECORD").write_text(f"{package.name.replace('-', '_')}.py,,\n", encoding="utf-8")
        places[package.name] = str(info)
    return in_environment(captured, *packages)._replace(places=places)


OURS = (
    Package("ours", "1", requires=("numpy",)),
    Package("numpy", "2", requires=()),
    Package("onnxruntime-gpu", "1", requires=("numpy",)),
    Package("xgboost-cpu", "3.2.0", requires=("numpy",)),
    Package("joblib", "1", requires=()),
    Package("unused", "1", requires=()),
)

ROLES: dict[str, tuple[str, bytes, tuple[str, ...] | None]] = {
    "a module of a package": ("m.pkl", b"cours\nModel\n.", ("numpy", "ours")),
    "a module of nobody's": ("m.pkl", b"cours\nModel\n0cfeatures\nf\n.", None),
    "a function of the script": ("m.pkl", b"cours\nModel\n0c__main__\nf\n.", None),
    "a file that ends too soon": ("m.pkl", b"cours\nModel\n", None),
    "plain data, which tells nothing": ("m.pkl", pickle.dumps({"weights": [1]}), None),
    "plain data in a joblib file": ("m.joblib", pickle.dumps({"weights": [1]}), None),
    "a format whose reader is there": ("m.onnx", b"\x08\x07", ("numpy", "onnxruntime-gpu")),
    "a format whose reader is not there": ("m.cbm", b"CBM1", None),
    "a format that nobody knows": ("m.bin", b"\0", None),
    "a booster as JSON": ("m.json", b'{"learner":{},"version":[3,2,0]}', ("numpy", "xgboost-cpu")),
}


def test_a_folder_of_several_formats_needs_what_reads_each(beside: Registry, captured: Capture, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    installed = with_places(captured, tmp_path / "site", *OURS)
    for file, data in {"m.pkl": b"cours\nModel\n.", "m.onnx": b"\x08\x07", "notes.txt": b"notes"}.items():
        (folder / file).write_bytes(data)
    record = beside.register(folder, "fraud", capture=installed).version.record
    assert record.roles == Roles(("numpy", "onnxruntime-gpu", "ours"))
    (folder / "m.cbm").write_bytes(b"CBM1")
    assert beside.register(folder, "fraud", capture=installed).version.record.roles is None


SOURCE = b"""
import json, ours.model as model
from . import unused
from .unused import thing
from features import clean
def serve():
    try:
        import notinstalled
    except ImportError:
        from joblib import load
"""


def test_what_sources_in_a_model_s_folder_import_is_needed(beside: Registry, captured: Capture, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.joinpath("code").mkdir(parents=True)
    features = Package("features", "1", requires=())
    installed = with_places(captured, tmp_path / "site", *OURS, Package("safetensors", "1", requires=()), features)
    folder.joinpath("m.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    folder.joinpath("code/features.py").write_bytes(b"def clean( is no Python")
    record = beside.register(folder, "fraud", capture=installed).version.record
    assert (record.imports, record.roles) == (None, Roles(("numpy", "safetensors")))
    folder.joinpath("code/handler.py").write_bytes(SOURCE)
    record = beside.register(folder, "fraud", capture=installed).version.record
    assert record.roles == Roles(("joblib", "numpy", "ours", "safetensors"))
    assert record.imports is not None
    assert record.imports.packages == {"joblib": "joblib", "ours.model": "ours"}
    folder.joinpath("m.pkl").write_bytes(pickle.dumps({"weights": [1]}))
    assert beside.register(folder, "fraud", capture=installed).version.record.roles is None
    folder.joinpath("m.pkl").unlink()
    folder.joinpath("m.json").write_bytes(b'{"learner":{},"version":[3,2,0]}')
    record = beside.register(folder, "fraud", capture=installed).version.record
    assert record.roles == Roles(("joblib", "numpy", "ours", "safetensors", "xgboost-cpu"))
    folder.joinpath("m.unknown").write_bytes(b"\0")
    assert beside.register(folder, "fraud", capture=installed).version.record.roles == record.roles


@pytest.mark.parametrize(("name", "data", "expected"), ROLES.values(), ids=ROLES)
def test_roles_are_known_only_where_all_that_loading_needs_is(
    beside: Registry, captured: Capture, tmp_path: Path, name: str, data: bytes, expected: tuple[str, ...] | None
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    version = beside.register(path, "fraud", capture=with_places(captured, tmp_path / "site", *OURS)).version
    assert version.record.roles == (None if expected is None else Roles(expected))


CODE = (
    b"\x80\x04ccloudpickle.cloudpickle\n_builtin_type\n(S'CodeType'\ntR"
    b"(K\x01C\x04d\0%c\x01)(S'joblib'\nS'numpy'\ntS'f'\ntR."
)
"""A function's code, as cloudpickle writes it, whose second instruction has to do with numpy."""


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [(108, ("cloudpickle", "numpy")), (75, ("cloudpickle", "numpy")), (106, ("cloudpickle",))],
)
def test_what_a_function_in_the_file_imports_when_it_is_called_is_needed(
    beside: Registry, captured: Capture, tmp_path: Path, instruction: int, expected: tuple[str, ...]
) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(CODE % instruction)
    installed = with_places(captured, tmp_path / "site", *OURS, Package("cloudpickle", "3", requires=()))
    record = beside.register(path, "fraud", capture=installed).version.record
    assert record.roles == Roles(expected)
    assert record.imports is not None
    assert record.imports.missing == ()


def test_what_a_real_cloudpickled_function_imports_is_found_unless_it_is_not_installed(
    beside: Registry, captured: Capture, tmp_path: Path
) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")

    def predict(rows: list[float]) -> object:
        import numpy as np

        try:
            import cupy  # type: ignore[import-not-found]
        except ImportError:
            return [np.linalg.norm(row) for row in rows], rows.joblib  # type: ignore[attr-defined]
        return cupy

    path = tmp_path / "model.pkl"
    path.write_bytes(cloudpickle.dumps(predict))
    installed = with_places(captured, tmp_path / "site", *OURS, Package("cloudpickle", "3", requires=()))
    assert beside.register(path, "fraud", capture=installed).version.record.roles == Roles(("cloudpickle", "numpy"))


def test_a_module_that_no_package_provides_is_warned_of(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cfeatures.numbers\nf\n0cjoblib.gone\nf\n0ccollections\nOrderedDict\n0c__main__\nf\n.")
    ran = run("register", str(path), "fraud")
    assert ran.code == 0
    assert "the model imports features.numbers, joblib.gone, which no package of the environment provides" in ran.err
    assert ran.err.count("__main__") == 1
    shown = yaml.safe_load(run("show", "fraud").out)
    assert shown["imports"]["missing"] == ["__main__", "features.numbers", "joblib.gone"]
    assert "roles" not in shown


def test_groups_are_registered_from_the_command_line_shown_and_pulled(run: Run, tmp_path: Path, fitted: object) -> None:
    work = tmp_path / "work"
    joblib.dump(fitted, work / "model.joblib")
    work.joinpath("serve.txt").write_text("numpy\nnot-installed-here==0.115.0\n", encoding="utf-8")
    ran = run("register", "model.joblib", "fraud", "--group", "serve=serve.txt", "--group", "train=pytest", cwd=work)
    assert (ran.code, ran.out) == (0, "fraud:1\n")
    run("pull", "fraud", cwd=work)
    pulled = PulledManifest.from_yaml(work.joinpath("fraud/1/modelreg.yaml").read_text(encoding="utf-8"))
    shown = json.loads(run("show", "fraud", "--json").out)
    assert shown["groups"]["serve"] == {
        "roots": ["numpy", "not-installed-here==0.115.0"],
        "packages": [],
        "declared": ["not-installed-here==0.115.0"],
    }
    assert {"scikit-learn", "numpy"} <= {*shown["groups"]["base"]["packages"]}
    assert "pluggy" in shown["groups"]["train"]["packages"]
    assert pulled.groups is not None
    assert pulled.groups["serve"].declared == ("not-installed-here==0.115.0",)
    assert pulled.roles is not None
    assert "scikit-learn" in pulled.roles.load_critical
    assert pulled.imports is not None
    assert pulled.imports.complete


def test_a_model_of_another_environment_is_understood_from_outside(run: Run, tmp_path: Path) -> None:
    place = make_place(tmp_path / "venv")
    wheels = [
        make_wheel(tmp_path / "wheels", name, "1.0", requires=requires, modules={f"{name}/deep.py": code})
        for name, requires, code in (
            ("ours", ("theirs>=1", "web; extra == 'serving'", "never; sys_platform == 'plan9'"), "class Model: pass"),
            *((name, (), "") for name in ("theirs", "web", "plots", "unused")),
        )
    ]
    Place(Path(sys.prefix)).pip("--python", str(place.python), "install", "--no-deps", *map(str, wheels))
    work = tmp_path / "work"
    code = "import pickle, ours.deep; pickle.dump(ours.deep.Model(), open('model.pkl', 'wb'))"
    subprocess.run([place.python, "-c", code], cwd=work, check=True)
    work.joinpath("pyproject.toml").write_text(
        "[project]\nname = 'training'\ndependencies = ['ours']\n[dependency-groups]\ntrain = ['plots']\n"
        "[project.optional-dependencies]\nserve = ['ours[serving]', 'fastapi==0.115.0']\n",
        encoding="utf-8",
    )
    ran = run("register", "model.pkl", "fraud", "--python", str(place.python), cwd=work)
    assert (ran.code, ran.out) == (0, "fraud:1\n"), ran.err
    shown = json.loads(run("show", "fraud", "--json").out)
    assert shown["imports"]["packages"] == {"ours.deep": "ours"}
    assert shown["roles"] == {"load_critical": ["ours", "theirs"], "tooling": []}
    assert {name: group["packages"] for name, group in shown["groups"].items()} == {
        "base": ["ours", "theirs"],
        "train": ["plots"],
        "serve": ["web"],
    }
    assert shown["groups"]["serve"]["declared"] == ["fastapi==0.115.0"]


def test_a_group_that_is_left_open_is_refused_and_nothing_is_registered(run: Run, model: Path) -> None:
    Path("pyproject.toml").write_text("[dependency-groups]\nserve = ['not-installed-here']\n", encoding="utf-8")
    ran = run("register", str(model), "fraud")
    assert (ran.code, ran.out) == (2, "")
    assert "not-installed-here is not installed in the environment, so it must be pinned exactly" in ran.err
    assert run("list", "-q").out == ""
    assert run("register", str(model), "fraud", "--group", "serve").code == 2


def test_what_does_not_say_what_it_needs_is_a_remark_of_the_groups(
    beside: Registry, model: Path, captured: Capture
) -> None:
    version = beside.register(model, "fraud", capture=captured, groups={"serve": ["numpy"]}).version
    assert beside.register(model, "fraud", capture=captured, groups={"serve": "numpy"}).version.record.groups
    assert version.capture.remarks == ("numpy does not say what it needs, so the groups may lack packages",)


@pytest.fixture
def manifest(beside: Registry, captured: Capture, tmp_path: Path) -> str:
    path = tmp_path / "m.pkl"
    path.write_bytes(b"cours\nModel\n.")
    ours = with_places(captured, tmp_path / "site", *OURS)
    beside.register(path, "fraud", capture=ours, groups={"serve": ["ours", "fastapi==1"]})
    return beside.show("fraud").to_yaml()


EDITS: dict[str, Callable[[str], str]] = {
    "a role": lambda text: text.replace("load_critical: [numpy, ours]", "load_critical: [ours]"),
    "a group": lambda text: text.replace("declared: [fastapi==1]", "declared: [fastapi==2]"),
    "an import": lambda text: text.replace("packages: {ours: ours}", "packages: {ours: theirs}"),
    "no roles": lambda text: text.replace("roles:\n", "rules:\n"),
    "the time": lambda text: text.replace("\ncreated: '2", "\ncreated: '3"),
    "the record": lambda text: text.replace('load_critical\\":[\\"numpy\\",', 'load_critical\\":['),
    "the digest": lambda text: text.replace("record: sha256:", "record: sha256:" + "0" * 64 + " #"),
    "a file": lambda text: text.replace('"path": "m.pkl"', '"path": "n.pkl"'),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_verify_env_goes_by_cannot_be_edited_in_a_pulled_manifest(
    manifest: str, edit: Callable[[str], str]
) -> None:
    edited = edit(manifest)
    assert edited != manifest
    assert PulledManifest.from_yaml(manifest).roles == Roles(("numpy", "ours"))
    with pytest.raises(IntegrityError, match="was edited"):
        PulledManifest.from_yaml(edited)


def test_a_manifest_without_the_record_is_read_and_says_nothing_of_roles(manifest: str) -> None:
    old = PulledManifest.from_yaml(manifest[: manifest.index("\n# What the registry holds")])
    assert (old.reference, old.roles, old.groups, old.imports) == ("fraud:1", None, None, None)


def test_a_record_with_fields_of_a_later_modelreg_is_pulled_as_it_stands(
    registry: Registry, store: Store, captured: Capture, model: Path
) -> None:
    registry.register(model, "fraud", capture=captured)
    first = registry.resolve("fraud:1").record
    artifact = {"upload": first.artifact.upload, "digest": first.artifact.digest, "size": first.artifact.size}
    put(
        store,
        "versions/00000002.json",
        "version",
        version=2,
        artifact={**artifact, "files": 1, "layout": "file"},
        environment={"digest": first.environment.digest, "python": "3.11.7", "packages": 3},
        capture={"tool": "modelreg 9", "interpreter": "venv"},
        roles={"load_critical": ["numpy"], "tooling": [], "optional": ["later"]},
        later={"a": 1},
    )
    text = registry.show("fraud:2").to_yaml()
    assert PulledManifest.from_yaml(text).roles == Roles(("numpy",))
    assert yaml.safe_load(text)["roles"]["optional"] == ["later"]
