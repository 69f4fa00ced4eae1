"""The eleven kinds of drift, each of which some tool that compares environments calls fine: all of them are found.

Each is made by the installers themselves in an environment that was, until then, the one the model was made in.
"""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from drift_places import ERROR, INFO, WARNING, Found, findings, pickled, wheel
from environments import Place, find_uv, make_place
from git_project import git, make_project

from modelreg import Capture, Registry
from modelreg.registry.verify import EnvironmentReport

PKG = wheel("pkg", "1.0", "below", pkg__mod="class Thing: pass\n")
REBUILT = wheel("pkg", "1.0", "below", pkg__mod="class Thing: pass  # built here\n")
BELOW, OTHER_BELOW = wheel("below", "1.3.2"), wheel("below", "1.4.2")
CPU, CUDA = wheel("torchish", "1.2+cpu"), wheel("torchish", "1.2+cu121")
NEEDS = ("pkg.mod:Thing", "below:BUILD", "torchish:BUILD", "ours:ANSWER")


@dataclass
class Bench:
    """Two equal environments, and what may be done to the second one. trained: what is registered of the first."""

    trained: Capture
    target: Place
    project: Path

    def uv(self, command: str, *arguments: str) -> None:
        flags = ["--no-config", "--quiet", "--python", str(self.target.python)]
        if command == "install":
            flags += ["--no-index", "--no-deps", "--no-build-isolation", "--reinstall"]
        done = subprocess.run([str(find_uv()), "pip", command, *flags, *arguments], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def ours_at(self, revision: str) -> str:
        return f"ours@git+{self.project.as_uri()}@{git(self.project, 'rev-parse', revision)}"


def missing(bench: Bench) -> None:
    bench.uv("uninstall", "below")


def another_version(bench: Bench) -> None:
    bench.uv("install", str(OTHER_BELOW.file()))


def another_local_label(bench: Bench) -> None:
    bench.uv("install", str(CUDA.file()))


def a_package_more(bench: Bench) -> None:
    bench.uv("install", str(wheel("more", "1.0").file()))


def another_python(bench: Bench) -> None:
    """Two interpreters are rarely at hand, so that the model's record names another one."""
    major, minor, patch = (int(part) for part in bench.trained.environment.python.version.split("."))
    other = bench.trained.environment.python._replace(version=f"{major}.{minor + 1}.{patch}")
    bench.trained = bench.trained._replace(environment=bench.trained.environment._replace(python=other))


def another_commit(bench: Bench) -> None:
    bench.uv("install", bench.ours_at("HEAD"))


def editable(bench: Bench) -> None:
    bench.uv("install", "-e", str(bench.project))


def edited_in_place(bench: Bench) -> None:
    module = bench.target.site / "pkg" / "mod.py"
    text = module.read_text(encoding="utf-8")
    module.unlink()  # it may be a link into uv's cache
    module.write_text(text.replace("pass", "True"), encoding="utf-8")


def rebuilt(bench: Bench) -> None:
    bench.uv("install", str(REBUILT.file()))


def duplicate(bench: Bench) -> None:
    """As an interrupted or a forced installation leaves it: a second .dist-info that nothing removed."""
    old = bench.target.folder / "old"
    command = [str(find_uv()), "pip", "install", "--no-config", "-q", "--no-index", "--no-deps", "--target", str(old)]
    subprocess.run([*command, "-p", str(bench.target.python), str(OTHER_BELOW.file())], check=True)
    info = "below-1.4.2.dist-info"
    old.joinpath(info).rename(bench.target.site / info)


def shadowed(bench: Bench) -> None:
    ahead = bench.target.folder / "ahead"
    command = [str(find_uv()), "pip", "install", "--no-config", "-q", "--no-index", "--no-deps", "--target", str(ahead)]
    subprocess.run([*command, "-p", str(bench.target.python), str(OTHER_BELOW.file())], check=True)
    os.environ["PYTHONPATH"] = str(ahead)


MATRIX: dict[str, tuple[Callable[[Bench], None], Found]] = {
    "missing": (missing, {"below": (ERROR, "missing")}),
    "version": (another_version, {"below": (ERROR, "version")}),
    "+cpu -> +cu121": (another_local_label, {"torchish": (ERROR, "version")}),
    "extra": (a_package_more, {"more": (INFO, "extra")}),
    "another Python": (another_python, {"python": (ERROR, "python")}),
    "other commit, same version": (another_commit, {"ours": (ERROR, "origin")}),
    "editable instead": (editable, {"ours": (ERROR, "origin")}),
    "file edited in place (same size)": (edited_in_place, {"pkg": (ERROR, "files")}),
    "same pin, rebuilt": (rebuilt, {"pkg": (WARNING, "rebuilt")}),
    "duplicate dist-info": (duplicate, {"below": (ERROR, "duplicate")}),
    "shadowed via PYTHONPATH": (shadowed, {"below": (ERROR, "version+shadowed")}),
}
"""Each kind, and what is found of it: of files that were edited by --deep, of the rest without it."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("PYTHONPATH", "")  # so that it is put back
    project = make_project(tmp_path / "ours")
    target = make_place(tmp_path / "serving")
    made = Bench(target.captured(), target, project)
    made.uv("install", *(str(one.file()) for one in (PKG, BELOW, CPU)))
    made.uv("install", made.ours_at("HEAD~1"))
    made.trained = target.captured()
    return made


def _report(bench: Bench, registry: Registry, policy: str = "exact", *, deep: bool = False) -> EnvironmentReport:
    model = bench.project.parent / "model.pkl"
    model.write_bytes(pickled(NEEDS))
    version = registry.register(model, "fraud", capture=bench.trained).version
    return registry.verify_env(version, python=bench.target.python, policy=policy, deep=deep)


def test_there_are_eleven_and_without_any_of_them_it_fits(bench: Bench, beside: Registry) -> None:
    assert len(MATRIX) == len({drift for drift, _ in MATRIX.values()}) == 11
    for policy in ("exact", "all", "strict"):
        report = _report(bench, beside, policy)
        assert (findings(report), report.fits) == ({}, True)


@pytest.mark.parametrize(("drift", "found"), MATRIX.values(), ids=MATRIX)
def test_each_of_the_eleven_drifts_is_found(
    drift: Callable[[Bench], None], found: Found, bench: Bench, beside: Registry
) -> None:
    drift(bench)
    deep = drift is edited_in_place
    report = _report(bench, beside, deep=deep)
    assert findings(report) == found
    assert report.fits is not any(severity is ERROR for severity, _ in found.values())
    assert not _report(bench, beside, "strict", deep=deep).fits
