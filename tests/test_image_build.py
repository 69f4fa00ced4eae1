"""The Dockerfile of a version, the folder it is built in, the check in the build, and what engines are told."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Run
from environments import add, make_place
from image_server import ImageServer, serving
from images import Blobs, image_of, python_files
from package_index import serving as index_on
from package_index import settings_of, sha256_of, write_wheel

from modelreg import (
    Capture,
    EnvironmentMismatchError,
    ImageBuildError,
    ImageRegistryError,
    NotFoundError,
    Origin,
    Package,
    Registry,
    UsageError,
)
from modelreg.environment import probe
from modelreg.environment.selection import select
from modelreg.image import check
from modelreg.image.engine import Engine, find_engine
from modelreg.image.stage import Stage, expectation, stages
from modelreg.records import Group
from modelreg.registry.build import Order, pinned

BASE = f"registry.example/python:3.11.7@sha256:{'0' * 64}"
GROUPS = {
    "base": Group((), ("joblib", "numpy", "scikit-learn")),
    "train": Group(("hyperopt",), ("hyperopt",)),
    "serve": Group(("fastapi",), (), ("fastapi==0.115.0", "app @ git+https://host.example/app.git@" + "0" * 40)),
}


def with_packages(captured: Capture, *packages: Package) -> Capture:
    merged = {package.name: package for package in (*captured.environment.packages, *packages)}
    ordered = tuple(merged[name] for name in sorted(merged))
    return captured._replace(environment=captured.environment._replace(packages=ordered))


@pytest.fixture(autouse=True)
def _no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no index for digests."""
    for name in ("UV_OFFLINE", "UV_NO_INDEX", "PIP_NO_INDEX"):
        monkeypatch.setenv(name, "1")


@pytest.fixture
def fraud(beside: Registry, model: Path, captured: Capture) -> Registry:
    """The registry of the command line with fraud:1: hyperopt for training, fastapi for serving, pip for neither."""
    serve = Path("serve.txt")
    serve.write_text("scikit-learn\nnumpy\njoblib\nfastapi==0.115.0\n", encoding="utf-8")
    capture = with_packages(captured, Package("hyperopt", "0.2.7", requires=()), Package("pip", "24.0"))
    groups = {"serve": [str(serve)], "train": ["scikit-learn,numpy,joblib,hyperopt"]}
    beside.register(model, "fraud", capture=capture, groups=groups, description='Says "no" to $5\nfrauds')
    return beside


def steps(dockerfile: str) -> dict[str, str]:
    """Return the text of each stage, by name."""
    parts = re.split(r"^FROM \S+ AS (\w+)$", dockerfile, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_a_dockerfile_has_a_stage_for_each_group(fraud: Registry, tmp_path: Path) -> None:
    text = fraud.dockerfile("fraud:1", base=BASE, folder=tmp_path / "context")
    found = steps(text)
    assert list(found) == ["packages", "base", "train", "serve"]
    assert f"FROM registry.example/python@sha256:{'0' * 64} AS packages" in text
    beside = tmp_path / "context" / "modelreg"
    assert (beside / "base.txt").read_text() == "joblib==1.5.1\nnumpy==2.1.0\nscikit-learn==1.5.2\n"
    assert (beside / "train.txt").read_text() == "hyperopt==0.2.7\n"
    assert (beside / "serve.txt").read_text() == "fastapi==0.115.0\n"
    assert text == (tmp_path / "context" / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?:--\S+ )?(.*) \S+$", text, flags=re.MULTILINE)
    assert all((tmp_path / "context" / path).exists() for paths in copied for path in paths.split())


def test_the_model_is_in_the_serving_stage_alone_and_comes_last(fraud: Registry) -> None:
    found = steps(fraud.dockerfile("fraud:1"))
    assert [name for name, text in found.items() if "/model/" in text] == ["serve"]
    serve = found["serve"]
    assert serve.index("check.py") < serve.index("/model/") < serve.index("LABEL")
    assert all(text.rstrip().endswith("USER 10001:10001") for name, text in found.items() if name != "packages")


def test_labels_say_which_version_it_is(fraud: Registry) -> None:
    version = fraud.resolve("fraud:1")
    serve = steps(fraud.dockerfile("fraud:1", base=BASE))["serve"]
    labels = dict(re.findall(r'(\S+)="((?:[^"\\]|\\.)*)"', serve))
    assert labels["org.opencontainers.image.title"] == "fraud"
    assert labels["org.opencontainers.image.version"] == "1"
    assert labels["org.opencontainers.image.base.name"] == "registry.example/python:3.11.7"
    assert labels["org.opencontainers.image.base.digest"] == f"sha256:{'0' * 64}"
    assert labels["org.opencontainers.image.description"] == r"Says \"no\" to \$5 frauds"
    assert (labels["modelreg.record"], labels["modelreg.target"]) == (version.digest, "serve")
    assert labels["modelreg.environment"] == version.environment.digest


def test_another_version_with_the_same_environment_installs_nothing_anew(
    fraud: Registry, tmp_path: Path, model: Path
) -> None:
    """Whatever comes before the model and the labels is the same, so engines take it from their caches."""
    model.write_bytes(model.read_bytes() + b"more")
    record = fraud.show("fraud:1")
    packages = record.environment.packages
    groups = {"serve": ["serve.txt"], "train": ["scikit-learn,numpy,joblib,hyperopt"]}
    capture = Capture(record.environment._replace(packages=packages), "venv", "/x")
    fraud.register(model, "fraud", capture=capture, groups=groups)
    one, two = (fraud.dockerfile(f"fraud:{number}", folder=tmp_path / str(number)) for number in (1, 2))
    assert steps(one)["packages"] == steps(two)["packages"]
    assert steps(one)["train"].partition("LABEL")[0] == steps(two)["train"].partition("LABEL")[0]
    for name in ("base.txt", "train.txt", "serve.txt", "base.json", "train.json", "serve.json", "check.py"):
        assert (tmp_path / "1" / "modelreg" / name).read_bytes() == (tmp_path / "2" / "modelreg" / name).read_bytes()


def test_the_recorded_python_is_the_base_that_nobody_named(beside: Registry, model: Path, captured: Capture) -> None:
    musl = captured.environment.platform._replace(libc="musl", libc_version=None)
    other = captured._replace(environment=captured.environment._replace(platform=musl))
    for capture, name in ((captured, "slim"), (other, "alpine")):
        registered = beside.register(model, "fraud", capture=capture)
        assert f"FROM docker.io/library/python:3.11.7-{name} AS packages" in beside.dockerfile(registered.version)


def test_the_tag_of_a_base_is_resolved(fraud: Registry) -> None:
    blobs = Blobs({})
    image = image_of(blobs, [python_files()])
    with serving(ImageServer(blobs, {"3": str(image["digest"])})) as server:
        base = f"{server.host}/team/fraud:3"
        assert str(pinned(base)) == f"{base}@{image['digest']}"
        assert f"FROM {server.host}/team/fraud@{image['digest']} AS packages" in fraud.dockerfile("fraud", base=base)
        with pytest.raises(NotFoundError, match="there is no image"):
            fraud.dockerfile("fraud", base=f"{server.host}/team/fraud:4")


def test_what_cannot_be_installed_elsewhere_is_refused_or_left_out(
    beside: Registry, model: Path, captured: Capture, tmp_path: Path
) -> None:
    capture = with_packages(captured, Package("mine", "1.0", origin=Origin("editable")))
    beside.register(model, "fraud", capture=capture)
    with pytest.raises(
        EnvironmentMismatchError, match=r"cannot be built in full: mine 1\.0 \(it was installed from an editable folder"
    ):
        beside.dockerfile("fraud")
    beside.dockerfile("fraud", allow_missing=True, folder=tmp_path / "context")
    assert "mine" not in (tmp_path / "context" / "modelreg" / "base.txt").read_text()


def test_without_groups_everything_but_the_tooling_is_in_base(captured: Capture) -> None:
    environment = with_packages(captured, Package("pip", "24.0"), Package("uv", "0.4")).environment
    made = stages(select(environment), lambda _: ())
    assert [one.text for one in made["base"].requirements] == ["joblib==1.5.1", "numpy==2.1.0", "scikit-learn==1.5.2"]
    assert (made["train"].requirements, made["serve"].requirements) == ((), ())
    assert made["serve"].expected.keys() == {"joblib", "numpy", "scikit-learn"}


def test_requirements_whose_files_are_known_are_installed_with_their_hashes(captured: Capture) -> None:
    environment = with_packages(captured, Package("hyperopt", "0.2.7")).environment
    hashes: Mapping[str, tuple[str, ...]] = {"joblib==1.5.1": ("a" * 64, "b" * 64)}
    made = stages(select(environment, GROUPS), lambda pin: hashes.get(pin.requirement or "", ()))
    (hashed,) = made["base"].hashed
    assert hashed.line == f"joblib==1.5.1 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}"
    assert [one.text for one in made["base"].plain] == ["numpy==2.1.0", "scikit-learn==1.5.2"]
    assert made["serve"].requirements[0].text.startswith("app @ git+https://")


def test_the_digests_that_the_index_lists_are_asked_for(
    fraud: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = write_wheel(tmp_path / "wheels", "joblib", "1.5.1")
    with index_on(tmp_path / "wheels") as url:
        for name in ("UV_OFFLINE", "UV_NO_INDEX", "PIP_NO_INDEX"):
            monkeypatch.delenv(name)
        for name, value in settings_of(url, tmp_path).items():
            monkeypatch.setenv(name, value)
        text = fraud.dockerfile("fraud:1", folder=tmp_path / "context")
    beside = tmp_path / "context" / "modelreg"
    assert (beside / "base-hashed.txt").read_text() == f"joblib==1.5.1 \\\n    --hash=sha256:{sha256_of(wheel)}\n"
    assert (beside / "base.txt").read_text() == "numpy==2.1.0\nscikit-learn==1.5.2\n"
    assert "--require-hashes -r /opt/modelreg/base-hashed.txt" in text


def test_a_dockerfile_is_a_format_of_export(quick: Run, fraud: Registry, tmp_path: Path) -> None:
    ran = quick("export", "fraud:1", "--format", "dockerfile", "--base", BASE)
    assert (ran.code, ran.out) == (0, fraud.dockerfile("fraud:1", base=BASE)), ran.err
    ran = quick("export", "fraud:1", "-f", "dockerfile", "-o", str(tmp_path / "context"))
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'context'}\n")
    assert (tmp_path / "context" / "modelreg" / "model" / "model.pkl").is_file()
    assert (tmp_path / "context" / "Dockerfile").is_file()
    for arguments in (("-f", "dockerfile", "--group", "serve"), ("-f", "pylock", "--base", BASE), ("-f", "Dockerfile")):
        assert quick("export", "fraud:1", *arguments).code == 2


def in_build(folder: Path, python: Path, environment: Capture, expected: Mapping[str, Package]) -> tuple[int, str]:
    """Run the check as a build does: by a path, in the stage's own environment, with the probe beside it."""
    for script in (probe, check):
        path = Path(str(script.__file__))
        (folder / path.name).write_bytes(path.read_bytes())
    wanted = expectation(environment.environment, Stage("serve", (), expected))
    (folder / "serve.json").write_text(json.dumps(wanted), encoding="utf-8")
    command = [str(python), str(folder / "check.py"), str(folder / "serve.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


def test_the_check_in_a_build_names_every_difference(tmp_path: Path) -> None:
    place = make_place(tmp_path / "venv")
    add(place.site, "joblib", "1.5.1")
    add(place.site, "Flask_Cors", "4.0")
    live = place.captured()
    expected = {package.name: package for package in live.environment.packages}
    assert in_build(tmp_path, place.python, live, expected) == (
        0,
        "modelreg: the stage serve fits: Python and 2 packages were compared\n",
    )
    changed = {**expected, "joblib": Package("joblib", "1.5.2"), "numpy": Package("numpy", "2.1.0")}
    code, said = in_build(tmp_path, place.python, live, changed)
    assert (code, said.splitlines()) == (
        3,
        [
            "modelreg: the stage serve does not fit: joblib is 1.5.1; the model wants 1.5.2",
            "modelreg: the stage serve does not fit: numpy is not installed; the model wants 2.1.0",
        ],
    )


@pytest.mark.parametrize(("version", "code"), [("2.7.18", 3), (f"{sys.version_info[0]}.{sys.version_info[1]}.99", 0)])
def test_the_check_in_a_build_wants_the_same_python(tmp_path: Path, version: str, code: int) -> None:
    live = make_place(tmp_path / "venv").captured()
    other = live._replace(
        environment=live.environment._replace(python=live.environment.python._replace(version=version))
    )
    ended, said = in_build(tmp_path, tmp_path / "venv" / "bin" / "python", other, {})
    assert ended == code
    assert f"python is {live.environment.python.version}; the model wants {version}" in said


def test_another_build_of_a_package_is_told_and_fails_nothing(tmp_path: Path) -> None:
    place = make_place(tmp_path / "venv")
    info = add(place.site, "joblib", "1.5.1")
    (info / "RECORD").write_text("joblib.py,sha256=abc,3\n", encoding="utf-8")
    code, said = in_build(
        tmp_path, place.python, place.captured(), {"joblib": Package("joblib", "1.5.1", record="0" * 64)}
    )
    assert (code, "joblib 1.5.1 is another build than the one that was registered" in said) == (0, True)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker that notes what it is told, says what is in `says`, and ends with what is in `ends`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "docker"
    script.write_text(f'#!/bin/sh\necho "$@" >> {folder}/told\ncat {folder}/says\nexit $(cat {folder}/ends)\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    (folder / "says").touch()
    (folder / "ends").write_text("0")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


pytestmark = pytest.mark.skipif(os.name == "nt", reason="images are built on Linux")


def test_an_engine_is_told_what_to_build(quick: Run, fraud: Registry, engine: Path, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").touch()
    ran = quick(
        *("image", "build", "fraud:1", "--tag", "registry.example/team/fraud:3", "--base", BASE, "--target", "train"),
        *("--engine", "docker", f"--secret=pip.conf={tmp_path}/pip.conf", "--engine-option=--network=host"),
    )
    assert (ran.code, ran.out) == (0, "registry.example/team/fraud:3\n"), ran.err
    told = (engine / "told").read_text()
    assert told.startswith(
        f"build --target train --tag registry.example/team/fraud:3 --secret id=pip.conf,src={tmp_path}/pip.conf "
        "--progress plain --network=host "
    )
    assert not fraud.resolve("fraud:1").images  # what was not pushed has no digest that others could ask for


FAILURES = {
    "a stage that does not fit": (
        "#9 0.3 modelreg: the stage serve does not fit: numpy is 2.2.0; the model wants 2.1.0\nERROR: exit code 3",
        EnvironmentMismatchError,
        "the image was not built: the stage serve does not fit: numpy is 2.2.0",
    ),
    "no network": (
        "Collecting numpy\nERROR: No matching distribution found for numpy==2.1.0\nthe command returned 1",
        ImageBuildError,
        "docker could not build registry.example/fraud:1: ERROR: No matching distribution",
    ),
    "no plugin": (
        "ERROR: BuildKit is enabled but the buildx component is missing or broken.",
        ImageBuildError,
        "install docker-buildx-plugin, or use --engine buildah",
    ),
    "silence": ("", ImageBuildError, "it said nothing"),
}


@pytest.mark.parametrize(("said", "error", "sentence"), FAILURES.values(), ids=FAILURES)
def test_a_build_that_fails_is_told_in_a_sentence(
    fraud: Registry, engine: Path, said: str, error: type[Exception], sentence: str
) -> None:
    (engine / "says").write_text(said)
    (engine / "ends").write_text("1")
    with pytest.raises(error, match=re.escape(sentence)):
        fraud.build_image("fraud:1", Order("serve", "registry.example/fraud:1", base=BASE))


def test_a_push_that_is_refused_records_nothing(fraud: Registry, engine: Path) -> None:
    (engine / "says").write_text("denied: requested access to the resource is denied")
    (engine / "ends").write_text("1")
    with pytest.raises(ImageRegistryError, match=r"could not push .*: denied"):
        Engine("docker", "docker").push("registry.example/fraud:1")
    (engine / "ends").write_text("0")
    (engine / "says").write_text("null")
    with pytest.raises(ImageRegistryError, match="does not say which digest"):
        fraud.build_image("fraud:1", Order("serve", "registry.example/fraud:1", push=True, base=BASE))
    assert not fraud.resolve("fraud:1").images


def test_no_engine_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFoundError, match="no engine that builds images is installed; install Docker"):
        find_engine()
    with pytest.raises(NotFoundError, match="buildah is not installed"):
        find_engine("buildah")
    with pytest.raises(UsageError, match="'kaniko' is no engine"):
        find_engine("kaniko")


@pytest.mark.parametrize(
    "order",
    [
        Order("test", "registry.example/fraud:1"),
        Order("serve", "Registry/Fraud"),
        Order("serve", f"registry.example/fraud@sha256:{'0' * 64}"),
        Order("serve", "registry.example/fraud:1", secrets={"pip.conf": Path("nowhere")}),
        Order("serve", "registry.example/fraud:1", base="No Base", engine="docker"),
    ],
)
def test_an_order_that_makes_no_sense(fraud: Registry, engine: Path, order: Order) -> None:
    with pytest.raises(UsageError):
        fraud.build_image("fraud:1", order)
    assert not (engine / "told").exists()
