"""verify-env --fix-command: the one command that brings an environment to a manifest, run and verified again."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run
from environments import Place, add, make_place, make_wheel

from modelreg import Capture, Environment, Package, Platform, Python, Registry
from modelreg.cli.fixing import quoted
from modelreg.environment import fix as fixing
from modelreg.environment.capture import capture
from modelreg.environment.compare import compare
from modelreg.environment.expected import Expected
from modelreg.environment.finding import SENTENCES, Finding, Role, Severity
from modelreg.environment.fix import Fix
from modelreg.environment.interpreter import find_interpreter
from modelreg.environment.policy import Policy, Terms
from modelreg.environment.record import Origin

ALPHA, BETA = Package("alpha", "1.0"), Package("beta", "2.0+cpu")
WANTED = Environment(Python("3.11.7", "cpython"), Platform("linux", "x86_64"), (ALPHA, BETA))
PIP, UV = fixing.Place("venv/bin/python", "pip"), fixing.Place("venv/bin/python", "uv")
START = {"pip": ("venv/bin/python", "-m", "pip", "install", "--no-deps"), "uv": ("uv", "pip", "install", "--python")}


def fixed(
    *packages: Package, wanted: Environment = WANTED, place: fixing.Place = PIP, policy: str = "exact", **facts: object
) -> Fix:
    found = wanted._replace(packages=packages, **facts)  # type: ignore[arg-type]  # of the names that it has
    comparison = compare(Expected(wanted), found, Terms(Policy.parse(policy)))
    pins = {package.name: package for package in wanted.packages}
    return fixing.fix([(finding, pins.get(finding.subject)) for finding in comparison.findings], place)


def test_only_what_differs_is_installed_at_its_exact_version() -> None:
    assert fixed(ALPHA, BETA) == Fix((), ())
    fix = fixed(ALPHA._replace(version="0.9"), BETA, Package("extra", "1"))
    assert fix == Fix((*START["pip"], "alpha==1.0"), ())
    fix = fixed(place=UV)
    assert fix.command == (*START["uv"], "venv/bin/python", "--no-deps", "alpha==1.0", "beta==2.0+cpu")
    assert fix.remarks == ("beta 2.0+cpu has the label cpu, which PyPI has not; add its --index-url",)


def test_the_environment_s_own_wrong_version_is_replaced_though_it_hides_what_the_system_has() -> None:
    other = Finding(Severity.ERROR, "version", "alpha", "1.0", "0.9", role=Role.PINNED)
    hides = Finding(Severity.ERROR, "shadowed", "alpha", "0.9", "1.1", role=Role.PINNED)
    assert fixing.fix([(other, ALPHA), (hides, ALPHA)], PIP) == Fix((*START["pip"], "alpha==1.0"), ())


@pytest.mark.parametrize(
    ("wanted", "found", "asked"),
    [
        ("1.0", "1.0+cu121", "--force-reinstall alpha===1.0"),
        ("1.0-1", "1.0.post1+cu121", "--force-reinstall alpha===1.0.post1"),
        ("1.0", "2.0+cu121", "alpha==1.0"),
        ("1.0+cu121", "1.0", "alpha==1.0+cu121"),
        ("1.0+cu121", "1.0+cpu", "alpha==1.0+cu121"),
        ("2004d-foo", "1.0", "alpha===2004d-foo"),
    ],
)
def test_a_version_that_two_equals_signs_do_not_name_alone_is_asked_for_with_three(
    wanted: str, found: str, asked: str
) -> None:
    environment = WANTED._replace(packages=(ALPHA._replace(version=wanted),))
    assert fixed(ALPHA._replace(version=found), wanted=environment).command == (*START["pip"], *asked.split())


def test_what_pip_may_be_set_to_take_from_an_index_of_builds_is_asked_for_without_a_label() -> None:
    packages = tuple(Package(*pin) for pin in (("torch", "2.1.0"), ("torchvision", "0.16.0+cpu"), ("numpy", "2.1.0")))
    command = fixed(wanted=WANTED._replace(packages=packages)).command
    assert command[len(START["pip"]) :] == ("numpy==2.1.0", "torch===2.1.0", "torchvision==0.16.0+cpu")


def test_a_version_that_no_requirement_can_name_is_said() -> None:
    environment = WANTED._replace(packages=(ALPHA._replace(version="1.0;x"),))
    said = "alpha 1.0;x has a version that no requirement can name; install it by hand"
    assert fixed(wanted=environment) == Fix((), (said,))


def test_an_editable_in_place_of_a_release_is_replaced_although_its_version_is_right() -> None:
    editable = ALPHA._replace(origin=Origin("editable"))
    assert fixed(editable, BETA).command == (*START["pip"], "--force-reinstall", "alpha==1.0")
    assert "--reinstall" in fixed(editable, BETA, place=UV).command


def test_code_that_is_gone_is_installed_again_but_a_version_that_differs_is_simply_installed() -> None:
    gone = Finding(Severity.ERROR, "code", "alpha", "alpha.new.Thing", "there is no module alpha.new")
    other = Finding(Severity.ERROR, "version", "alpha", "1.0", "0.9")
    python_s = Finding(Severity.ERROR, "code", "wave", "wave.Error", "there is no module wave")
    fix = fixing.fix([(gone, ALPHA), (python_s, None)], PIP)
    assert fix.command == (*START["pip"], "--force-reinstall", "alpha==1.0")
    assert fix.remarks == ("there is no module wave, and no package that the model pins brings it",)
    assert fixing.fix([(other, ALPHA), (gone, ALPHA)], PIP).command == (*START["pip"], "alpha==1.0")


def test_commits_and_files_are_installed_from_where_they_were() -> None:
    at = Package("gamma", "1.0", origin=Origin("vcs", "https://host/gamma.git", "git", "a" * 40))
    file = Package("delta", "1.0", origin=Origin("archive", "https://host/delta-1.0-py3-none-any.whl", sha256="b" * 64))
    fix = fixed(wanted=WANTED._replace(packages=(at, file)))
    assert fix.command[len(START["pip"]) :] == (
        f"delta @ https://host/delta-1.0-py3-none-any.whl#sha256={'b' * 64}",
        f"gamma @ git+https://host/gamma.git@{'a' * 40}",
    )
    assert shlex.split(quoted(fix.command)) == list(fix.command) or os.name == "nt"


def test_what_no_command_puts_right_is_said() -> None:
    editable = Package("gamma", "1.0", origin=Origin("editable", "https://host/g", "git", "a" * 40))
    wanted = WANTED._replace(packages=(editable,))
    assert fixed(wanted=wanted) == Fix(
        (), (f"gamma 1.0 was installed from an editable folder, at commit {'a' * 40}; install it by hand",)
    )
    other = fixed(ALPHA, BETA, python=Python("3.12.1", "cpython"), platform=Platform("darwin", "x86_64"))
    assert other.command == ()
    assert [remark.partition(";")[0] for remark in other.remarks] == [
        "a command cannot change the Python",
        "a command cannot change the system",
    ]
    strict = fixed(ALPHA, BETA, Package("extra", "1"), policy="strict")
    assert strict == Fix((), ("extra 1 stays: the command removes nothing; uninstall it",))


def test_an_exception_that_is_out_of_date_is_said_and_nothing_is_installed_for_it() -> None:
    expired = Finding(Severity.ERROR, "expired", "alpha", "2026-01-01", None)
    said = "the exception for alpha expired on 2026-01-01; renew or remove it in pyproject.toml"
    assert fixing.fix([(expired, ALPHA)], PIP) == Fix((), (said,))


@pytest.mark.parametrize("kind", SENTENCES)
def test_only_what_an_installer_can_put_right_is_installed(kind: str) -> None:
    finding = Finding(Severity.ERROR, kind, "alpha", "1.0", "0.9")
    installed = fixing.fix([(finding, ALPHA)], PIP).command[len(START["pip"]) :]
    put_right = {"missing", "version", "origin", "rebuilt", "code", "files"}  # a duplicate is told, and pip removes it
    assert bool(installed) is (kind in put_right)


def test_of_what_could_not_be_checked_it_is_said_that_no_command_helps() -> None:
    wanted = WANTED._replace(packages=(ALPHA._replace(record="a" * 64),))
    fix = fixed(ALPHA, wanted=wanted)
    assert fix.command == ()
    [remark] = fix.remarks
    assert remark.startswith("alpha could not be checked, so no command is known that puts it right: it has no RECORD")


def test_models_that_contradict_each_other_are_told_apart() -> None:
    other = WANTED._replace(packages=(ALPHA._replace(version="2.0"), BETA))
    found = WANTED._replace(packages=())
    differences = [
        (finding, {package.name: package for package in one.packages}.get(finding.subject))
        for one in (WANTED, other)
        for finding in compare(Expected(one), found).findings
    ]
    fix = fixing.fix(differences, PIP)
    assert fix.command == (*START["pip"], "beta==2.0+cpu")
    assert fix.remarks[0] == "the models want alpha in different versions; no one environment can have both"


# Run, and verified again


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """An index: a folder with a path that a shell would trip over."""
    folder = tmp_path / "a folder & more"
    for version in ("1.0", "2.0+cpu", "3.0"):
        for name in ("alpha", "beta", "gamma", "extra"):
            make_wheel(folder, name, version)
    return folder


def _drifted(place: Place, wheels: Path, *installer: str) -> None:
    """Install one package too old, one as an editable of the right version, and one too many; leave one out."""
    project = wheels.parent / "gamma_project"
    project.mkdir()
    add(place.site, "gamma", "1.0", direct_url={"url": project.as_uri(), "dir_info": {"editable": True}})
    (place.site / "gamma-1.0.dist-info" / "RECORD").write_text(
        "".join(f"gamma-1.0.dist-info/{name},,\n" for name in ("RECORD", "METADATA", "INSTALLER", "direct_url.json")),
        encoding="utf-8",
    )
    subprocess.run([*installer, "alpha==3.0", "extra==1.0"], check=True, capture_output=True)


def _fix_and_verify(quick: Run, place: Place, model: Path, registry: Registry, environ: dict[str, str]) -> str:
    captured = capture(find_interpreter(place.python))
    wanted = tuple(Package(*pin) for pin in (("alpha", "1.0"), ("beta", "2.0+cpu"), ("gamma", "1.0")))
    registry.register(
        model, "fraud", capture=captured._replace(environment=captured.environment._replace(packages=wanted))
    )
    arguments = ("verify-env", "fraud", "--python", str(place.folder))
    ran = quick(*arguments, "--fix-command")
    assert ran.code == 3
    (line,) = ran.out.splitlines()
    document = json.loads(quick(*arguments, "--fix-command", "--json").out)
    assert document["fix"]["command"] == shlex.split(line)
    done = subprocess.run(line, shell=True, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    again = quick(*arguments)
    assert again.code == 0, again.out
    assert "more than the model asks for" in again.out
    after = quick(*arguments, "--fix-command")
    assert (after.code, after.out, after.err) == (0, "", "There is nothing to put right.\n")
    return line


@pytest.mark.skipif(os.name == "nt", reason="the line is quoted for a POSIX shell")
def test_pips_command_is_run_and_the_environment_fits(
    quick: Run, beside: Registry, model: Path, wheels: Path, tmp_path: Path
) -> None:
    place = Place(tmp_path / "it's an environment")
    subprocess.run([sys.executable, "-m", "venv", place.folder], check=True)
    environ = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels.as_uri()}
    pip = (str(place.python), "-m", "pip", "install", "-q", "--no-index", "-f", str(wheels))
    _drifted(place, wheels, *pip)
    line = _fix_and_verify(quick, place, model, beside, environ)
    assert "-m pip install --no-deps --force-reinstall alpha==1.0 beta==2.0+cpu gamma==1.0" in line


@pytest.mark.skipif(os.name == "nt", reason="the line is quoted for a POSIX shell")
def test_uvs_command_is_run_and_the_environment_fits(
    quick: Run, beside: Registry, model: Path, wheels: Path, tmp_path: Path, uv: Path
) -> None:
    place = make_place(tmp_path / "an environment")
    path = f"{uv.parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}
    install = (str(uv), "pip", "install", "-q", "--no-index", "-f", str(wheels), "-p", str(place.python))
    _drifted(place, wheels, *install)
    line = _fix_and_verify(quick, place, model, beside, environ)
    assert line.startswith("uv pip install --python '")
    assert line.endswith("--no-deps --reinstall alpha==1.0 beta==2.0+cpu gamma==1.0")


def test_an_environment_that_uv_made_is_put_right_with_uv_even_if_it_has_pip(
    quick: Run, beside: Registry, model: Path, captured: Capture, tmp_path: Path
) -> None:
    beside.register(model, "fraud", capture=captured)
    place = make_place(tmp_path / "venv")
    add(place.site, "pip", "26.3")
    arguments = ("verify-env", "fraud", "--python", str(place.folder), "--fix-command")
    assert quick(*arguments).out.startswith(f"{place.python} -m pip install --no-deps ")
    configuration = place.folder / "pyvenv.cfg"
    configuration.write_text(f"{configuration.read_text(encoding='utf-8')}uv = 0.9\n", encoding="utf-8")
    assert quick(*arguments).out.startswith("uv pip install --python ")
    shutil.rmtree(place.site / "pip-26.3.dist-info")


@pytest.mark.skipif(os.name == "nt", reason="the line is quoted for a POSIX shell")
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_what_no_installer_can_remove_and_what_only_its_label_tells_apart_are_put_right(
    tool: str, quick: Run, beside: Registry, model: Path, tmp_path: Path, uv: Path
) -> None:
    place = Place(tmp_path / "venv")
    subprocess.run([sys.executable, "-m", "venv", place.folder], check=True)
    if tool == "uv":
        shutil.rmtree(next(place.site.glob("pip-*.dist-info")))
    wheels = tmp_path / "wheels"
    for name, version in (("alpha", "1.0"), ("alpha", "1.0+cu121"), ("beta", "1.0"), ("beta", "2.0")):
        make_wheel(wheels, name, version)
    install = (str(uv), "pip", "install", "-q", "--no-index", "-f", str(wheels), "-p", str(place.python))
    subprocess.run([*install, "alpha==1.0+cu121", "beta==2.0"], check=True)
    damaged = place.site / "beta-2.0.dist-info"
    damaged.joinpath("RECORD").unlink()
    captured = capture(find_interpreter(place.python))
    wanted = captured.environment._replace(packages=(ALPHA, Package("beta", "1.0")))
    beside.register(model, "fraud", capture=captured._replace(environment=wanted))
    arguments = ("verify-env", "fraud", "--python", str(place.folder))
    variables = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    environ = {**os.environ, **variables, "PATH": f"{uv.parent}{os.pathsep}{os.environ['PATH']}"}

    ran = quick(*arguments, "--fix-command")
    assert shlex.split(ran.out)[-1] == "alpha===1.0"
    assert "beta 2.0 was installed without a list of its files, so neither pip nor uv can remove it" in ran.err
    assert f"delete {damaged}, and run this again" in ran.err
    subprocess.run(ran.out, shell=True, env=environ, check=True, capture_output=True)

    shutil.rmtree(damaged)
    ran = quick(*arguments, "--fix-command")
    assert (shlex.split(ran.out)[-1], ran.err) == ("beta==1.0", "")
    subprocess.run(ran.out, shell=True, env=environ, check=True, capture_output=True)
    again = quick(*arguments)
    assert again.code == 0, again.out


HIDING: dict[str, tuple[tuple[str, ...], dict[str, str], str, str]] = {
    "another version, and the right one is there": (("alpha==1.0",), {"alpha": "3.0"}, "", "alpha is imported from "),
    "another version, and none is there": ((), {"alpha": "3.0"}, "alpha==1.0", "alpha is imported from "),
    "another version, and a third one is there": (
        ("alpha==2.0+cpu",),
        {"alpha": "3.0"},
        "alpha==1.0",
        "alpha is imported from ",
    ),
    "a bare module": (("alpha==1.0",), {"alpha": ""}, "", "alpha is hidden by "),
    "a bare module, and another version is there": (
        ("alpha==3.0",),
        {"alpha": ""},
        "alpha==1.0",
        "alpha is hidden by ",
    ),
    "a module of the standard library": (
        ("alpha==1.0",),
        {"colorsys": ""},
        "",
        "colorsys of the standard library is hidden by ",
    ),
}


@pytest.mark.skipif(os.name == "nt", reason="the line is quoted for a POSIX shell")
@pytest.mark.parametrize(("there", "ahead", "installed", "said"), HIDING.values(), ids=HIDING)
def test_what_hides_a_package_has_to_go_and_only_what_is_wrong_below_it_is_installed(
    there: tuple[str, ...],
    ahead: dict[str, str],
    installed: str,
    said: str,
    run: Run,
    quick: Run,
    wheels: Path,
    tmp_path: Path,
    uv: Path,
) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(b"N.")
    trained, place = make_place(tmp_path / "trained"), make_place(tmp_path / "serving")
    install = (str(uv), "pip", "install", "-q", "--no-index", "-f", str(wheels), "-p")
    subprocess.run([*install, str(trained.python), "alpha==1.0"], check=True)
    assert quick("register", str(model), "fraud", "--python", str(trained.folder)).code == 0
    if there:
        subprocess.run([*install, str(place.python), *there], check=True)
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    for name, version in ahead.items():
        hiding.joinpath(f"{name}.py").write_text("OTHER = 1\n", encoding="utf-8")
        if version:
            add(hiding, name, version)
    arguments = ("verify-env", "fraud", "--python", str(place.folder))
    ran = run(*arguments, "--fix-command", PYTHONPATH=str(hiding))
    assert ran.code == 3
    assert shlex.split(ran.out)[-1:] == ([installed] if installed else [])
    remark = ran.err.replace("\n", " ")
    assert f"{said}{hiding}" in remark
    assert "PYTHONPATH" in remark
    if installed:
        environ = {**os.environ, "PATH": f"{uv.parent}{os.pathsep}{os.environ['PATH']}"}
        environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}
        subprocess.run(ran.out, shell=True, env=environ, check=True, capture_output=True)
    again = quick(*arguments)
    assert again.code == 0, again.out
