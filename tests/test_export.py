"""modelreg export: a version's environment in the formats of other tools, and what is never in them by guess."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Run
from environments import make_place
from package_index import UV, serving, settings_of, sha256_of, write_wheel

import modelreg
from modelreg import Capture, EnvironmentMismatchError, Origin, Package, Registry, UsageError, capture, find_interpreter
from modelreg.environment.record import CondaPackage
from modelreg.environment.wheel import wheel_record_digest
from modelreg.errors import IntegrityError, NotFoundError, PackageIndexError
from modelreg.export import FORMATS
from modelreg.store.local import LocalStore

INSTALLERS = ("uv", "pip")
GROUPS = {"train": ["alpha", "gamma"], "serve": ["alpha", "delta==1.0"]}
"""So alpha and what it needs, beta, are base; epsilon is nobody's."""


@dataclass(frozen=True)
class Shop:
    """An index with wheels, and an environment's capture into which alpha to epsilon, but not delta, came from it."""

    wheels: Path
    url: str
    settings: Mapping[str, str]
    captured: Capture


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The index, on 127.0.0.1, and the environment that was made from it."""
    folder = tmp_path_factory.mktemp("shop")
    wheels = folder / "wheels"
    write_wheel(wheels, "alpha", "1.0", requires=["beta>=1"], script=True)
    for name in ("beta", "gamma", "delta", "epsilon"):
        write_wheel(wheels, name, "1.0")
    (folder / "cache").mkdir()
    place = make_place(folder / "trained")
    with serving(wheels) as url:
        settings = settings_of(url, folder / "cache")
        command = [str(UV), "pip", "install", "-q", "--python", str(place.python), "alpha", "gamma", "epsilon"]
        subprocess.run(command, check=True, env=_environ(settings))
        yield Shop(wheels, url, settings, capture(find_interpreter(place.python)))


@pytest.fixture(autouse=True)
def _only_the_shop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in shop.settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def fraud(tmp_path: Path, model: Path, shop: Shop) -> Registry:
    """A registry with fraud:1, in groups."""
    registry = Registry(LocalStore(tmp_path / "registry"))
    registry.register(model, "fraud", capture=shop.captured, groups=GROUPS)
    return registry


def _environ(settings: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **settings}


def _with(captured: Capture, *packages: Package) -> Capture:
    merged = {package.name: package for package in (*captured.environment.packages, *packages)}
    ordered = tuple(merged[name] for name in sorted(merged))
    return captured._replace(environment=captured.environment._replace(packages=ordered))


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def _installed(place: Path) -> set[str]:
    return {package.name for package in capture(find_interpreter(place)).environment.packages} - {"pip"}


# Requirements


@pytest.mark.parametrize(
    ("group", "pins"),
    [
        (None, ["alpha==1.0", "beta==1.0", "delta==1.0", "epsilon==1.0", "gamma==1.0"]),
        ("base", ["alpha==1.0", "beta==1.0"]),
        ("train", ["alpha==1.0", "beta==1.0", "gamma==1.0"]),
        ("serve", ["alpha==1.0", "beta==1.0", "delta==1.0"]),
    ],
)
def test_requirements_are_the_exact_pins_of_a_group_with_those_of_base(
    fraud: Registry, group: str | None, pins: list[str]
) -> None:
    exported = fraud.export("fraud", group=group)
    assert _lines(exported.text) == pins
    head = exported.text.splitlines()[0]
    assert head.startswith(f"# fraud:1{f', group {group}' if group else ''}, registered 20")


def test_a_group_that_there_is_not_is_named_with_those_there_are(fraud: Registry, model: Path, shop: Shop) -> None:
    with pytest.raises(UsageError, match=r"^fraud:1 has no group test, only base, serve, train$"):
        fraud.export("fraud", group="test")
    fraud.register(model, "bare", capture=shop.captured)
    with pytest.raises(UsageError, match=r"^bare:1 has no groups of packages, so leave --group out$"):
        fraud.export("bare", group="serve")


def test_what_only_installs_is_left_out_and_said_to_be(fraud: Registry, model: Path, shop: Shop) -> None:
    fraud.register(model, "tooled", capture=_with(shop.captured, Package("pip", "24.0")))
    text = fraud.export("tooled").text
    assert "pip==24.0" not in text
    assert "# Left out, as they only install and check: pip\n" in text


def test_two_versions_of_one_package_need_a_choice(fraud: Registry, model: Path, shop: Shop) -> None:
    groups = {"train": ["alpha", "delta==1.0"], "serve": ["alpha", "delta==2.0"]}
    fraud.register(model, "torn", capture=shop.captured, groups=groups)
    with pytest.raises(UsageError, match=r"delta is 2.0 for serve and 1.0 for train; choose one with --group"):
        fraud.export("torn")
    assert "delta==2.0" in _lines(fraud.export("torn", group="serve").text)


LOCAL = Package("ours", "0.3", origin=Origin("editable"))


@pytest.mark.parametrize("form", [form for form in FORMATS if FORMATS[form].installed])
def test_no_file_silently_lacks_a_package(fraud: Registry, model: Path, shop: Shop, form: str) -> None:
    fraud.register(model, "ours", capture=_with(shop.captured, LOCAL))
    with pytest.raises(
        EnvironmentMismatchError, match=r"ours 0.3 \(it was installed from an editable folder .*--allow"
    ):
        fraud.export("ours", form)
    exported = fraud.export("ours", form, allow_missing=True)
    assert list(exported.missing) == ["ours 0.3"]
    assert "# Missing, as they cannot be had elsewhere: ours 0.3\n" in exported.text
    assert "alpha" in exported.text


def test_a_format_that_there_is_not_is_refused_with_those_there_are(fraud: Registry) -> None:
    with pytest.raises(UsageError, match=r"no format 'poetry'; there are requirements, requirements-hashes, pylock"):
        fraud.export("fraud", "poetry")
    with pytest.raises(UsageError, match="nothing to prove"):
        fraud.export("fraud", "conda", prove=True)


# Digests, and by what evidence


@pytest.mark.parametrize("installer", INSTALLERS)
def test_each_pin_has_the_digest_of_the_file_that_the_index_serves(fraud: Registry, shop: Shop, installer: str) -> None:
    exported = fraud.export("fraud", "requirements-hashes", group="base", installer=installer)
    digests = [sha256_of(shop.wheels / f"{name}-1.0-py3-none-any.whl") for name in ("alpha", "beta")]
    assert [line.split("sha256:")[1] for line in exported.text.splitlines() if "--hash" in line] == digests
    assert exported.text.count("# evidence: index\n") == 2
    assert [file.evidence for files in exported.archives.files.values() for file in files] == ["index", "index"]


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_wheel_is_proven_by_what_was_installed_of_it(fraud: Registry, installer: str) -> None:
    exported = fraud.export("fraud", "requirements-hashes", group="serve", prove=True, installer=installer)
    evidence = {name.split("=")[0]: files[0].evidence for name, files in exported.archives.files.items()}
    # Nobody installed delta where the model was registered, so there is nothing to prove it by.
    assert evidence == {"alpha": "proven", "beta": "proven", "delta": "index"}


@pytest.fixture
def rebuilt(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The index serves another build of beta under the same pin, and nobody has seen the first."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
    path = shop.wheels / "beta-1.0-py3-none-any.whl"
    original = path.read_bytes()
    write_wheel(shop.wheels, "beta", "1.0", content="built = 'elsewhere'\n")
    yield path
    path.write_bytes(original)


@pytest.mark.parametrize("installer", INSTALLERS)
def test_another_build_under_the_same_pin_is_not_taken_for_what_was_installed(
    fraud: Registry, rebuilt: Path, installer: str
) -> None:
    with pytest.raises(EnvironmentMismatchError, match=r"beta 1.0 \(what the index serves is not what was installed"):
        fraud.export("fraud", "pylock", group="base", prove=True, installer=installer)


def test_the_record_digest_of_a_wheel_is_that_of_what_installers_make_of_it(shop: Shop) -> None:
    packages = {package.name: package for package in shop.captured.environment.packages}
    for name in ("alpha", "beta"):
        assert wheel_record_digest(shop.wheels / f"{name}-1.0-py3-none-any.whl") == packages[name].record


def test_what_is_no_wheel_has_no_record_digest(tmp_path: Path) -> None:
    path = tmp_path / "x-1.0-py3-none-any.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(IntegrityError, match="is no wheel"):
        wheel_record_digest(path)


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_file_of_other_tags_than_the_recorded_ones_is_not_taken(
    fraud: Registry, model: Path, shop: Shop, installer: str
) -> None:
    tagged = Package("beta", "1.0", record="f" * 64, tags=("cp311-cp311-linux_x86_64",))
    fraud.register(model, "compiled", capture=_with(shop.captured, tagged))
    with pytest.raises(EnvironmentMismatchError, match=r"beta 1.0 \(no file that the index serves has the tags"):
        fraud.export("compiled", "requirements-hashes", installer=installer)


def test_what_the_installer_recorded_needs_no_index(fraud: Registry, model: Path, shop: Shop) -> None:
    sha256 = "a" * 64
    archive = Package("beta", "1.0", origin=Origin("archive", "https://files.example/beta-1.0.zip", sha256=sha256))
    only = shop.captured._replace(environment=shop.captured.environment._replace(packages=(archive,)))
    fraud.register(model, "direct", capture=only)
    exported = fraud.export("direct", "pylock")
    (package,) = tomllib.loads(exported.text)["packages"]
    assert package["archive"] == {"url": "https://files.example/beta-1.0.zip", "hashes": {"sha256": sha256}}
    assert package["tool"]["modelreg"]["evidence"] == "direct_url"


def test_a_repository_is_locked_by_its_commit_and_has_no_digest(fraud: Registry, model: Path, shop: Shop) -> None:
    origin = Origin("vcs", "https://git.example/ours", "git", "c" * 40, "main", "python")
    ours = shop.captured._replace(environment=shop.captured.environment._replace(packages=()))
    fraud.register(model, "vcs", capture=_with(ours, Package("ours", "1.0", origin=origin)))
    (package,) = tomllib.loads(fraud.export("vcs", "pylock").text)["packages"]
    assert package["vcs"] == {
        "type": "git",
        "url": "https://git.example/ours",
        "requested-revision": "main",
        "commit-id": "c" * 40,
        "subdirectory": "python",
    }
    with pytest.raises(EnvironmentMismatchError, match=r"ours 1.0 \(it comes from a repository"):
        fraud.export("vcs", "requirements-hashes")


@pytest.mark.parametrize("installer", INSTALLERS)
def test_what_no_index_has_is_named(fraud: Registry, model: Path, shop: Shop, installer: str) -> None:
    gone = (Package("alpha", "9.9"), Package("nowhere", "3.0"))
    fraud.register(model, "gone", capture=_with(shop.captured, *gone[: 2 if installer == "uv" else 1]))
    exported = fraud.export("gone", "requirements-hashes", installer=installer, allow_missing=True)
    reason = f"no index of {installer} has it for this Python and platform"
    assert exported.missing == {str(f"{one.name} {one.version}"): reason for one in gone[: len(exported.missing)]}
    assert "alpha 9.9" in exported.missing
    assert [line.split("==")[0] for line in _lines(exported.text) if "==" in line] == ["beta", "epsilon", "gamma"]


def test_what_no_index_has_is_refused(fraud: Registry, model: Path, shop: Shop) -> None:
    fraud.register(model, "gone", capture=_with(shop.captured, Package("nowhere", "3.0")))
    with pytest.raises(EnvironmentMismatchError, match=r"in full as pylock: nowhere 3.0 \(no index of uv has it for"):
        fraud.export("gone", "pylock")


@pytest.mark.parametrize("installer", INSTALLERS)
def test_an_index_that_cannot_be_reached_is_a_sentence_with_exit_8(
    fraud: Registry, installer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, "http://anna:s3cret@127.0.0.1:9/simple")
    with pytest.raises(PackageIndexError, match=r"; see that its index can be reached, and try again$") as told:
        fraud.export("fraud", "pylock", installer=installer)
    assert told.value.exit_code == 8
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize("installer", INSTALLERS)
def test_no_password_of_an_index_gets_into_a_file(
    fraud: Registry, shop: Shop, installer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = shop.url.replace("http://", "http://anna:s3cret@")
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, url)
    exported = fraud.export("fraud", "pylock", group="base", prove=installer == "uv", installer=installer)
    assert "s3cret" not in exported.text
    assert "anna" not in exported.text
    assert exported.notes == (f"its URLs are those of the index that {installer} is set up with: 127.0.0.1",)


def test_without_uv_and_pip_there_is_a_sentence(tmp_path: Path) -> None:
    bare = make_place(tmp_path / "bare")
    code = "from modelreg.install.installer import find_installer; find_installer()"
    shutil.copytree(Path(modelreg.__file__).parent, tmp_path / "alone" / "modelreg")
    environ = {"PYTHONPATH": str(tmp_path / "alone"), "PATH": str(tmp_path)}
    done = subprocess.run(
        [str(bare.python), "-c", code], capture_output=True, text=True, env=_environ(environ), check=False
    )
    assert done.returncode == 1
    assert "NotFoundError: there is neither uv nor pip to ask an index or to install with; put uv on" in done.stderr


def test_an_installer_that_there_is_not_is_refused(fraud: Registry) -> None:
    with pytest.raises(UsageError, match="no installer conda; there are uv and pip"):
        fraud.export("fraud", "pylock", installer="conda")


# pylock.toml


def test_pylock_holds_every_group_by_its_markers(fraud: Registry) -> None:
    exported = fraud.export("fraud", "pylock")
    lock = tomllib.loads(exported.text)
    environment = exported.subject.environment
    assert lock["requires-python"] == f"=={environment.python.minor}.*"
    assert f"platform_machine == '{environment.platform.machine}'" in lock["environments"][0]
    assert lock["dependency-groups"] == ["serve", "train", "incidental"]
    markers = {package["name"]: package.get("marker") for package in lock["packages"]}
    assert markers == {
        "alpha": None,
        "beta": None,
        "delta": "'serve' in dependency_groups",
        "epsilon": "'incidental' in dependency_groups",
        "gamma": "'train' in dependency_groups",
    }
    packages = {package["name"]: package for package in lock["packages"]}
    assert packages["alpha"]["dependencies"] == [{"name": "beta"}]
    assert packages["delta"]["tool"]["modelreg"] == {"declared": True, "evidence": "index"}
    assert lock["tool"]["modelreg"]["environment"] == environment.digest


def test_pylock_is_valid_by_pep_751(fraud: Registry) -> None:
    pylock = pytest.importorskip("packaging.pylock", reason="packaging before 26 knows no pylock.toml")
    for group in (None, "serve"):
        pylock.Pylock.from_dict(tomllib.loads(fraud.export("fraud", "pylock", group=group).text)).validate()


WANTED = {None: {"alpha", "beta"}, "train": {"alpha", "beta", "gamma"}, "serve": {"alpha", "beta", "delta"}}


@pytest.mark.parametrize("group", WANTED)
@pytest.mark.parametrize("installer", INSTALLERS)
def test_the_newest_installers_install_each_group_from_pylock(
    fraud: Registry, tmp_path: Path, group: str | None, installer: str
) -> None:
    lock = tmp_path / "pylock.toml"
    lock.write_text(fraud.export("fraud", "pylock").text, encoding="utf-8")
    done = _install(installer, lock, tmp_path / "place", group)
    assert done.returncode == 0, done.stderr
    assert _installed(tmp_path / "place") == WANTED[group]


@pytest.mark.parametrize(("installer", "form"), [("uv", "pylock"), ("uv", "requirements-hashes"), ("pip", "pylock")])
def test_a_digest_that_was_tampered_with_stops_the_installers(
    fraud: Registry, shop: Shop, tmp_path: Path, installer: str, form: str
) -> None:
    text = fraud.export("fraud", form, group="base").text
    sha256 = sha256_of(shop.wheels / "beta-1.0-py3-none-any.whl")
    assert sha256 in text
    file = tmp_path / ("pylock.toml" if form == "pylock" else "requirements.txt")
    file.write_text(text.replace(sha256, "0" * 64), encoding="utf-8")
    done = _install(installer, file, tmp_path / "wrong", None)
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()
    assert "beta" not in _installed(tmp_path / "wrong")


def _install(installer: str, file: Path, place: Path, group: str | None) -> subprocess.CompletedProcess[str]:
    python = str(make_place(place).python)
    hashed = [] if file.suffix == ".toml" else ["--no-deps", "--require-hashes"]
    if installer == "uv":
        groups = ["--group", group] if group else []
        command = [str(UV), "pip", "install", "--python", python, *hashed, "-r", str(file), *groups]
    else:
        # pip takes the packages of a lock's group by the path of the lock and the group's name.
        chosen = ["--group", f"{file}:{group}"] if group else ["-r", str(file)]
        command = [sys.executable, "-m", "pip", "--python", python, "install", *hashed, *chosen]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# conda


def test_conda_gets_its_own_packages_by_build_and_pip_the_rest(fraud: Registry, model: Path, shop: Shop) -> None:
    url = "https://conda.example/conda-forge/linux-64/numpy-base-2.1.0-py311h1_0.conda"
    numpy = Package("numpy", "2.1.0", origin=Origin("conda", url))
    bare = Package("zipp", "3.0", origin=Origin("conda"))
    captured = _with(shop.captured, numpy, bare)
    blas = CondaPackage("libblas", "3.9.0", "23_openblas", "conda-forge")
    captured = captured._replace(environment=captured.environment._replace(conda=(blas,)))
    fraud.register(model, "condas", capture=captured)
    document = yaml.safe_load(fraud.export("condas", "conda").text)
    python = f"python={shop.captured.environment.python.version}"
    own = [python, "libblas=3.9.0=23_openblas", "numpy-base=2.1.0=py311h1_0", "zipp=3.0"]
    assert document == {
        "name": "condas-1",
        "channels": ["conda-forge", "nodefaults"],
        "dependencies": [*own, "pip", {"pip": ["alpha==1.0", "beta==1.0", "epsilon==1.0", "gamma==1.0"]}],
    }


# CycloneDX


def test_cyclonedx_passes_its_schema_and_lists_the_model(fraud: Registry, model: Path, shop: Shop) -> None:
    origin = Origin("vcs", "https://git.example/ours", "git", "c" * 40)
    packages = (LOCAL, Package("forked", "2.0+ours", origin=origin))
    captured = _with(shop.captured, *packages)
    conda = CondaPackage("libblas", "3.9.0", "23_openblas", "conda-forge", sha256="b" * 64)
    captured = captured._replace(environment=captured.environment._replace(conda=(conda,)))
    fraud.register(model, "bill", capture=captured, groups=GROUPS, description="scores payments")
    text = fraud.export("bill", "cyclonedx").text
    assert text == fraud.export("bill", "cyclonedx").text
    _check_schema(text)
    bill: dict[str, Any] = json.loads(text)
    component = bill["metadata"]["component"]
    assert (component["type"], component["name"], component["version"]) == ("machine-learning-model", "bill", "1")
    assert component["hashes"] == [{"alg": "SHA-256", "content": sha256_of(model)}]
    purls = {one["name"]: one.get("purl") for one in bill["components"]}
    assert purls["alpha"] == "pkg:pypi/alpha@1.0"
    assert purls["ours"] == "pkg:generic/ours@0.3"
    assert purls["forked"] == f"pkg:pypi/forked@2.0%2Bours?vcs_url=git%2Bhttps://git.example/ours%40{'c' * 40}"
    assert purls["libblas"] == "pkg:conda/libblas@3.9.0?build=23_openblas&channel=conda-forge"
    edges = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    assert edges["alpha@1.0"] == ["beta@1.0"]
    assert {"alpha@1.0", "delta@1.0"} <= set(edges["bill@1"])


def _check_schema(text: str) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    wrong = text.replace('"machine-learning-model"', '"model"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(wrong) is not None


# The command


@pytest.fixture
def at_the_command(quick: Run, fraud: Registry) -> Run:
    """The command line on the registry that holds fraud:1."""
    return quick


def test_the_command_prints_the_file_or_writes_it(at_the_command: Run, fraud: Registry) -> None:
    ran = at_the_command("export", "fraud", "--group", "serve")
    assert (ran.code, ran.out, ran.err) == (0, fraud.export("fraud", group="serve").text, "")
    ran = at_the_command("export", "fraud:1", "-f", "pylock", "-o", "pylock.toml")
    assert (ran.code, ran.out) == (0, "pylock.toml\n")
    assert ran.err == "its URLs are those of the index that uv is set up with: 127.0.0.1\n"
    assert Path("pylock.toml").read_text(encoding="utf-8") == fraud.export("fraud", "pylock").text
    assert [path.name for path in Path().glob(".pylock*")] == []
    assert at_the_command("export", "fraud", "-o", "nowhere/x.txt").code == 4
    ran = at_the_command("export", "fraud:1", "-f", "pylock", "-o", "lock.toml", "-q")
    assert ran.err == "warning: pip and uv take lock.toml for no lock; call it pylock.toml or pylock.NAME.toml\n"


def test_the_command_needs_no_registry_for_a_pulled_folder(at_the_command: Run, fraud: Registry) -> None:
    assert at_the_command("pull", "fraud").code == 0
    for group in (None, "serve"):
        options = ["--group", group] if group else []
        ran = at_the_command("export", "fraud/1", *options, MODELREG_REGISTRY="nonsense://nowhere")
        assert (ran.code, ran.out) == (0, fraud.export("fraud", group=group).text)


def test_json_tells_of_each_package_its_groups_files_and_evidence(at_the_command: Run, shop: Shop) -> None:
    ran = at_the_command("export", "fraud", "-f", "requirements-hashes", "--group", "serve", "--json", "-q")
    answer = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert (answer["reference"], answer["format"], answer["group"]) == ("fraud:1", "requirements-hashes", "serve")
    assert answer["text"].startswith("# fraud:1, group serve")
    delta = next(package for package in answer["packages"] if package["name"] == "delta")
    sha256 = sha256_of(shop.wheels / "delta-1.0-py3-none-any.whl")
    url = f"{shop.url.removesuffix('/simple')}/delta-1.0-py3-none-any.whl"
    file = {"url": url, "sha256": sha256, "evidence": "index", "is_wheel": True, "size": None}
    assert delta == {
        "name": "delta",
        "version": "1.0",
        "requirement": "delta==1.0",
        "groups": ["serve"],
        "declared": True,
        "files": [file],
    }


def test_the_command_names_what_is_missing(at_the_command: Run, fraud: Registry, model: Path, shop: Shop) -> None:
    fraud.register(model, "ours", capture=_with(shop.captured, LOCAL))
    ran = at_the_command("export", "ours")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: ours:1 cannot be exported in full as requirements: ours 0.3 (")
    ran = at_the_command("export", "ours", "--allow-missing")
    assert ran.code == 0
    assert ran.err.startswith("warning: ours 0.3 is missing: it was installed from an editable folder")


def test_a_reference_to_nothing_is_not_found(fraud: Registry) -> None:
    with pytest.raises(NotFoundError):
        fraud.export("churn")
