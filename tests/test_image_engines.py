"""Images for real: built by an engine, pushed to an image registry, verified without the engine, and run."""

import base64
import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from image_engines import LOGIN, RunningEngine, base_archive, pip_secrets
from images import glibc, package_files, python_files, tar_of

from modelreg import Capture, Registry, capture, capture_image, find_interpreter, open_image
from modelreg.image.credentials import credentials_for
from modelreg.image.reference import ImageReference

PAGE = Path(__file__).parent.parent / "docs" / "images.md"
SITE = "usr/local/lib/python3.11/site-packages"


@pytest.fixture(scope="session")
def base(
    docker: RunningEngine,
    image_registry: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """An image with the Python that runs the tests and nothing more, in the image registry."""
    archive = base_archive(tmp_path_factory.mktemp("base") / "base.tar")
    # A Python of its own may have been told where its library is.
    libraries = f"ENV LD_LIBRARY_PATH={sysconfig.get_config_var('LIBDIR')}"
    docker.run("import", "--change", libraries, str(archive), f"{image_registry}/base:1")
    docker.run("push", f"{image_registry}/base:1")
    return f"{image_registry}/base:1"


def in_build(tmp_path: Path, engine: RunningEngine, base: str) -> list[str]:
    """Return the options that a build on this machine needs."""
    secrets = [f"--secret={name}={path}" for name, path in pip_secrets(tmp_path).items()]
    options = [f"--engine-option={option}" for option in engine.options]
    return ["--engine", engine.name, "--base", base, *secrets, *options]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


def test_the_whole_way_of_the_documentation(
    tmp_path: Path,
    run: Run,
    docker: RunningEngine,
    image_registry: str,
    base: str,
) -> None:
    """What docs/images.md says is what is run: from training to a prediction in the image that was pushed."""
    page = PAGE.read_text(encoding="utf-8")
    for block in (*blocks(page, "python"), *blocks(page, "text")):
        name, _, text = block.partition("\n")
        Path(name.removeprefix("# ")).write_text(text, encoding="utf-8")
    script = blocks(page, "sh")[0].replace("registry.example", image_registry)
    # The same environment in a tenth of the time.
    script = script.replace("python3 -m venv training", "uv venv --quiet --python python3 training")
    script = script.replace("training/bin/pip install", "uv pip install --python training")
    here = " ".join(in_build(tmp_path, docker, base))
    script = script.replace("modelreg image build", f"modelreg image build {here}")
    environ = {**os.environ, **docker.environ, "MODELREG_REGISTRY": str(tmp_path / "registry")}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, env=environ, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    here_said = "import pickle; print(pickle.load(open('forest.pkl', 'rb')).predict([[0.0] * 20]).tolist())"
    trained = subprocess.run(["training/bin/python", "-c", here_said], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == trained.stdout.strip()  # the prediction, there and here

    images = Registry.open(str(tmp_path / "registry")).resolve("fraud").images
    assert {target: (image.platform, image.fits) for target, image in images.items()} == {
        target: (str(open_image(image.reference).platform), True) for target, image in images.items()
    }
    packages = {target: _packages(image.reference) for target, image in images.items()}
    assert packages["train"] - packages["serve"] >= {"hyperopt", "networkx"}
    assert packages["serve"] - packages["train"] >= {"fastapi", "pydantic"}
    assert {"scikit-learn", "numpy", "scipy"} <= packages["train"] & packages["serve"]
    _is_what_the_engine_says(docker, images["serve"].reference)

    # Somebody upgrades a package in a later layer.
    later = tmp_path / "later"
    later.mkdir()
    places = {"pip.conf": "/etc/pip.conf", "ca.crt": "/run/secrets/ca.crt"}
    mounts = " ".join(f"--mount=type=secret,id={name},target={place}" for name, place in places.items())
    install = f"RUN {mounts} pip install --no-deps threadpoolctl==3.4.0\n"
    steps = f"FROM {_untagged(images['serve'].reference)}\nUSER 0:0\n{install}"
    (later / "Dockerfile").write_text(steps, encoding="utf-8")
    secrets = [f"--secret=id={name},src={path}" for name, path in pip_secrets(tmp_path).items()]
    docker.run("build", *docker.options, *secrets, "--tag", f"{image_registry}/team/fraud:2", str(later))
    docker.run("push", f"{image_registry}/team/fraud:2")
    ran = run("verify-env", "fraud", "--image", f"{image_registry}/team/fraud:2")
    assert ran.code == 3
    assert re.search(r"error +threadpoolctl is 3\.4\.0; the model wants ", ran.out), ran.out
    assert run("verify-env", "fraud", "--image", "recorded").code == 0


def _packages(reference: str) -> set[str]:
    return {package.name for package in capture_image(open_image(reference)).environment.packages}


def _untagged(reference: str) -> str:
    return re.sub(r":[^:/@]+@", "@", reference)


def _is_what_the_engine_says(docker: RunningEngine, reference: str) -> None:
    """Compare what is read without an engine with what the interpreter in the image says."""
    code = "import importlib.metadata as m, json; print(json.dumps([[d.name, d.version] for d in m.distributions()]))"
    said = docker.run("run", "--rm", "--network", "none", _untagged(reference), "python", "-c", code)
    read = capture_image(open_image(reference)).environment.packages
    assert sorted((package.raw_name or package.name, package.version) for package in read) == sorted(
        (name, version) for name, version in json.loads(said)
    )


@pytest.mark.parametrize("name", ["docker", "buildah"])
def test_each_engine_builds_pushes_and_is_found_out_where_the_image_does_not_fit(
    request: pytest.FixtureRequest,
    name: str,
    tmp_path: Path,
    model: Path,
    beside: Registry,
    run: Run,
    image_registry: str,
    base: str,
) -> None:
    engine: RunningEngine = request.getfixturevalue(name)
    live = capture(find_interpreter(sys.executable))
    small = ["packaging"]
    beside.register(model, "small", capture=live, groups={"serve": small})
    tag = f"{image_registry}/team/small-{name}:1"
    ran = run("image", "build", "small", "--tag", tag, "--push", *in_build(tmp_path, engine, base), **engine.environ)
    assert ran.code == 0, ran.err[-3000:]
    reference = ran.out.strip()
    assert beside.resolve("small").images["serve"].reference == reference
    # The digest is the image registry's, which whoever asks it later is given, too.
    assert open_image(tag).digest == reference.partition("@")[2]
    assert "packaging" in _packages(reference)
    assert run("verify-env", "small", "--image", "recorded").code == 0


@pytest.fixture
def small_image(tmp_path: Path) -> Callable[[RunningEngine, str], str]:
    """Import a hand-made image of a Python with joblib and numpy into an engine, under a name."""

    def imported(engine: RunningEngine, tag: str) -> str:
        layers = {
            **glibc(),
            **python_files(),
            **package_files(SITE, "joblib==1.5.1", "numpy==2.1.0", "scikit-learn==1.5.2"),
        }
        (tmp_path / "root.tar").write_bytes(tar_of(layers))
        engine.run("import", str(tmp_path / "root.tar"), tag)
        return tag

    return imported


def test_what_docker_saves_is_what_it_pushes(
    tmp_path: Path,
    docker: RunningEngine,
    image_registry: str,
    small_image: Callable[[RunningEngine, str], str],
) -> None:
    tag = small_image(docker, f"{image_registry}/team/saved:1")
    docker.run("push", tag)
    docker.run("save", "--output", str(tmp_path / "saved.tar"), tag)
    pushed, saved = (capture_image(open_image(name)) for name in (tag, str(tmp_path / "saved.tar")))
    assert pushed.environment == saved.environment
    assert len(pushed.environment.packages) == 3


def test_an_image_registry_with_a_password(
    tmp_path: Path,
    run: Run,
    beside: Registry,
    model: Path,
    captured: Capture,
    docker: RunningEngine,
    private_image_registry: str,
    small_image: Callable[[RunningEngine, str], str],
) -> None:
    tag = small_image(docker, f"{private_image_registry}/team/fraud:3")
    config = tmp_path / "docker-config"
    config.mkdir()
    entry = {"auths": {private_image_registry: {"auth": base64.b64encode(LOGIN.encode()).decode()}}}
    (config / "config.json").write_text(json.dumps(entry), encoding="utf-8")
    docker.run("--config", str(config), "push", tag)
    beside.register(model, "fraud", capture=captured)
    ran = run("image", "attach", "fraud:1", tag)
    assert (ran.code, "log in with docker login" in ran.err) == (7, True)
    ran = run("image", "attach", "fraud:1", tag, DOCKER_CONFIG=str(config))
    assert (ran.code, ran.out.startswith(f"{tag}@sha256:")) == (0, True), ran.err
    wrong = {"auths": {private_image_registry: {"auth": base64.b64encode(b"anna:wrong").decode()}}}
    (config / "config.json").write_text(json.dumps(wrong), encoding="utf-8")
    assert run("verify-env", "fraud:1", "--image", "recorded", DOCKER_CONFIG=str(config)).code == 7


def test_what_docker_login_writes_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    docker: RunningEngine,
    private_image_registry: str,
) -> None:
    username, _, password = LOGIN.partition(":")
    docker.run("--config", str(tmp_path), "login", "-u", username, "-p", password, private_image_registry)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    found = credentials_for(ImageReference.parse(f"{private_image_registry}/team/fraud"))
    assert found is not None
    assert (found.username, found.secret) == (username, password)
