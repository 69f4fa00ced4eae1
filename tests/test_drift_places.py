"""Drift that a version does not show: builds, origins, duplicates, shadowing, and what other installers leave."""

from pathlib import Path

import pytest
from drift_places import (
    ERROR,
    INFO,
    UNCHECKED,
    WARNING,
    Case,
    Found,
    Spoiled,
    Written,
    captured_once,
    direct_url,
    findings,
    place,
    shadowing,
    verified,
    wheel,
)
from git_project import git, make_project

from modelreg import Capture, Platform, Python, Registry

PKG, OTHER = wheel("pkg", "1.0"), wheel("pkg", "2.0")
MINE = wheel("pkg", "1.0", build="mine")
INFO_FOLDER = "pkg-1.0.dist-info"
CORE = wheel("core", "1.0", core__mod="class Thing: pass\n")
LOADS = ("core.mod:Thing",)
COMMIT, OTHER_COMMIT = "a" * 40, "b" * 40


def _vcs(commit: str, url: str = "https://example.org/pkg.git") -> Written:
    info = {"vcs": "git", "commit_id": commit}
    return Written("pkg", "1.0", direct_url=direct_url(url=url, vcs_info=info))


def _archive(url: str, sha256: str | None = None) -> Written:
    info = {"hashes": {"sha256": sha256}} if sha256 else {}
    return Written("pkg", "1.0", direct_url=direct_url(url=url, archive_info=info))


def _damaged(**fields: object) -> Written:
    return Written("pkg", "1.0", direct_url=direct_url(**fields))


DAMAGED = Written("pkg", "1.0", direct_url="{")
EDITABLE = Written("pkg", "1.0", direct_url=direct_url(url="file:///home/anna/pkg", dir_info={"editable": True}))
FOLDER = Written("pkg", "1.0", direct_url=direct_url(url="file:///home/anna/pkg", dir_info={}))
RELEASE = Written("pkg", "1.0")
FILE, ELSEWHERE = "https://example.org/pkg-1.0.whl", "https://elsewhere.example.org/pkg-1.0.whl"
ORIGIN: Found = {"pkg": (ERROR, "origin")}
REBUILT: Found = {"pkg": (WARNING, "rebuilt")}
UNKNOWN: Found = {"pkg": (UNCHECKED, "unknown")}
NO_RECORD = Spoiled(f"{INFO_FOLDER}/RECORD")
CONDA = Written("pkg", "1.0", installer="conda")

BUILDS = {
    "rebuilt under its pin": Case((PKG,), (MINE,), REBUILT),
    "rebuilt, and nobody needs it": Case((CORE, PKG), (CORE, MINE), {}, LOADS),
    "the same wheel by pip": Case((PKG,), (PKG,), pip=True),
    "rebuilt, by pip": Case((PKG,), (MINE,), REBUILT, pip=True),
    "a RECORD that is gone": Case((PKG,), (PKG, NO_RECORD), UNKNOWN),
    "a RECORD that is gone, strictly": Case((PKG,), (PKG, NO_RECORD), UNKNOWN, policy="strict"),
    "a RECORD that is gone, of what the model imports": Case(
        (CORE,), (CORE, Spoiled("core-1.0.dist-info/RECORD")), {"core": (UNCHECKED, "unknown")}, LOADS
    ),
    "a RECORD that is gone, and nobody needs it": Case((CORE, PKG), (CORE, PKG, NO_RECORD), {}, LOADS),
    "a RECORD that is gone, and every pin counts": Case(
        (CORE, PKG), (CORE, PKG, NO_RECORD), UNKNOWN, LOADS, policy="all"
    ),
    "a RECORD that conda has not written": Case((PKG,), (CONDA,), {"pkg": (INFO, "unknown")}),
    "a RECORD that conda has not written, strictly": Case((PKG,), (CONDA,), UNKNOWN, policy="strict"),
    "an egg-info, which has no RECORD": Case(
        (PKG,), (Written("pkg", "1.0", folder="pkg-1.0.egg-info", installer=None),), UNKNOWN
    ),
    "a RECORD that is gone in training": Case((PKG, NO_RECORD), (PKG,)),
    "a RECORD without digests": Case((PKG,), (PKG, Spoiled(f"{INFO_FOLDER}/RECORD", "pkg.py,,\n")), UNKNOWN),
    "a RECORD without digests in training": Case((PKG, Spoiled(f"{INFO_FOLDER}/RECORD", "pkg.py,,\n")), (PKG,)),
}
ORIGINS = {
    "the same commit": Case((_vcs(COMMIT),), (_vcs(COMMIT),)),
    "another commit under the same version": Case((_vcs(COMMIT),), (_vcs(OTHER_COMMIT),), ORIGIN),
    "the same commit from a mirror": Case((_vcs(COMMIT),), (_vcs(COMMIT, "https://mirror.example.org/pkg"),)),
    "a release in place of a commit": Case((_vcs(COMMIT),), (RELEASE,), ORIGIN),
    "a commit in place of a release": Case((RELEASE,), (_vcs(COMMIT),), ORIGIN),
    "editable in place of a release": Case((RELEASE,), (EDITABLE,), ORIGIN),
    "a release in place of editable": Case((EDITABLE,), (RELEASE,), ORIGIN),
    "editable in both, at no commit": Case((EDITABLE,), (EDITABLE,), UNKNOWN),
    "a folder in place of a release": Case((RELEASE,), (FOLDER,)),
    "the same file's URL": Case((_archive(FILE),), (_archive(FILE),)),
    "another file's URL": Case((_archive(FILE),), (_archive(ELSEWHERE),), ORIGIN),
    "the same file from elsewhere": Case((_archive(FILE, "c" * 64),), (_archive(ELSEWHERE, "c" * 64),)),
    "another file at the same URL": Case((_archive(FILE, "c" * 64),), (_archive(FILE, "d" * 64),), ORIGIN),
    "a release in place of a file": Case((_archive(FILE),), (RELEASE,), ORIGIN),
    "an origin that nobody needs": Case((CORE, RELEASE), (CORE, EDITABLE), {"pkg": (WARNING, "origin")}, LOADS),
    "a direct_url that is damaged": Case((RELEASE,), (DAMAGED,), UNKNOWN),
    "a direct_url of no known kind": Case((RELEASE,), (_damaged(url="https://example.org/pkg"),), UNKNOWN),
    "a direct_url without a commit": Case((_vcs(COMMIT),), (_damaged(url=FILE, vcs_info={"vcs": "git"}),), UNKNOWN),
    "a direct_url that is damaged, and nobody needs it": Case((CORE, RELEASE), (CORE, DAMAGED), {}, LOADS),
    "a direct_url that is damaged, and every pin counts": Case(
        (CORE, RELEASE), (CORE, DAMAGED), UNKNOWN, LOADS, policy="all"
    ),
    "a direct_url that is damaged, of another version": Case(
        (OTHER,), (Written("pkg", "1.0", direct_url="{"),), {"pkg": (ERROR, "version")}
    ),
    "a direct_url that is damaged, of the same files": Case(
        (PKG,), (PKG, Spoiled(f"{INFO_FOLDER}/direct_url.json", "{"))
    ),
    "a direct_url that is damaged, of other files": Case(
        (PKG,), (MINE, Spoiled(f"{INFO_FOLDER}/direct_url.json", "{")), UNKNOWN
    ),
    "a direct_url that was damaged in training": Case((DAMAGED,), (RELEASE,)),
}
LATIN = "Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\nAuthor: Größe\n\n".encode("latin-1")
LEAVINGS = {
    "two of one name in a folder": Case(
        (RELEASE,), (RELEASE, Written("pkg", "1.0", folder="pkg-1.0.egg-info")), {"pkg": (ERROR, "duplicate")}
    ),
    "left over from an interrupted installation": Case(
        (RELEASE,), (RELEASE, Written("pkg", "0.9", folder="~kg-0.9.dist-info"))
    ),
    "hidden by PYTHONPATH": Case((PKG,), (PKG,), {"pkg": (ERROR, "version+shadowed")}, shadow=(OTHER,)),
    "another build on PYTHONPATH": Case((PKG,), (PKG,), REBUILT, shadow=(MINE,)),
    "the same on PYTHONPATH": Case((PKG,), (PKG,), shadow=(PKG,)),
    "only on PYTHONPATH": Case((PKG,), (), shadow=(PKG,)),
    "a package more on PYTHONPATH": Case((PKG,), (PKG,), {"aside": (INFO, "extra")}, shadow=(wheel("aside", "1"),)),
    "conda's, of the same version": Case(
        (RELEASE,),
        (Written("pkg", "1.0", installer="conda", direct_url=direct_url(url="file:///croot/work", dir_info={})),),
    ),
    "conda's, of another version": Case(
        (Written("pkg", "1.0", installer="conda"),),
        (Written("pkg", "1.1", installer="conda"),),
        {"pkg": (ERROR, "version")},
    ),
    "an egg-info as Debian has it": Case(
        (RELEASE,), (Written("pkg", "1.0", folder="pkg-1.0.egg-info", installer=None),)
    ),
    "an egg-info of another version": Case(
        (RELEASE,), (Written("pkg", "1.1", folder="pkg-1.1.egg-info"),), {"pkg": (ERROR, "version")}
    ),
    "metadata in Latin-1": Case((RELEASE,), (Written("pkg", "1.0", metadata=LATIN),)),
    "metadata that is empty": Case((RELEASE,), (Written("pkg", "1.0", metadata=b""),)),
    "metadata that is empty, of another version": Case(
        (RELEASE,), (Written("pkg", "1.1", metadata=b""),), {"pkg": (ERROR, "version")}
    ),
    "a version that is none, on both sides": Case((Written("pkg", "2004d-foo"),), (Written("pkg", "2004d-foo"),)),
    "a version that is none, another one": Case(
        (Written("pkg", "2004d"),), (Written("pkg", "2004e"),), {"pkg": (ERROR, "version")}
    ),
    "a version that is none in place of one": Case(
        (Written("pkg", "2004"),), (Written("pkg", "2004d"),), {"pkg": (ERROR, "version")}
    ),
}
CASES = BUILDS | ORIGINS | LEAVINGS


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_differs_is_found_and_nothing_else(
    case: Case, beside: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured_once(case.trained)  # before PYTHONPATH says anything
    if case.shadow:
        monkeypatch.setenv("PYTHONPATH", shadowing(case))
    report = verified(case, beside, tmp_path)
    assert findings(report) == case.found
    assert report.fits is case.fits


SYSTEMS: dict[str, tuple[dict[str, object], Found]] = {
    "another patch level": ({"python": Python("3.11.9", "cpython")}, {"python": (WARNING, "python")}),
    "another minor version": ({"python": Python("3.12.1", "cpython")}, {"python": (ERROR, "python")}),
    "another implementation": ({"python": Python("3.11.7", "pypy")}, {"python": (ERROR, "implementation")}),
    "another tag of extension modules": (
        {"python": Python("3.11.7", "cpython", "cpython-311d-x86_64-linux-gnu")},
        {"python": (ERROR, "abi")},
    ),
    "another machine": (
        {"platform": Platform("linux", "aarch64", "glibc", "2.36")},
        {"platform": (ERROR, "machine")},
    ),
    "another system": ({"platform": Platform("darwin", "x86_64")}, {"platform": (ERROR, "system")}),
    "an older C library": ({"platform": Platform("linux", "x86_64", "glibc", "2.28")}, {"platform": (ERROR, "libc")}),
    "another C library": ({"platform": Platform("linux", "x86_64", "musl", "1.2")}, {"platform": (ERROR, "libc")}),
    "a newer C library": ({"platform": Platform("linux", "x86_64", "glibc", "2.40")}, {}),
}


@pytest.mark.parametrize(("change", "found"), SYSTEMS.values(), ids=SYSTEMS)
def test_another_python_or_system_is_found(
    change: dict[str, object], found: Found, beside: Registry, model: Path, captured: Capture
) -> None:
    version = beside.register(model, "fraud", capture=captured).version
    there = captured._replace(environment=captured.environment._replace(**change))  # type: ignore[arg-type]
    report = beside.verify_env(version, environment=there)
    assert findings(report) == found


def test_a_file_that_was_edited_in_place_is_found_by_a_deep_look(beside: Registry, model: Path) -> None:
    made = place((wheel("pkg", "1.0", build="to be edited"),))
    version = beside.register(model, "fraud", python=made.python).version
    module = made.site / "pkg.py"
    module.write_text(module.read_text().replace("edited", "EDITED"))
    assert beside.verify_env(version, python=made.python).fits
    assert findings(beside.verify_env(version, python=made.python, deep=True)) == {"pkg": (ERROR, "files")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a git repository of two commits, with a build backend of its own."""
    return make_project(tmp_path / "ours")


def test_what_an_installer_says_of_a_repository_and_of_an_editable_folder_is_compared(
    project: Path, beside: Registry, model: Path
) -> None:
    one, two = git(project, "rev-parse", "HEAD~1"), git(project, "rev-parse", "HEAD")
    first, second = (f"ours @ git+{project.as_uri()}@{commit}" for commit in (one, two))
    version = beside.register(model, "fraud", python=place((f"-r {_asked(project, first)}",)).python).version
    assert beside.verify_env(version, python=place((f"-r {_asked(project, first)}", PKG)).python).fits
    for other in (f"-r {_asked(project, second)}", f"-e {project}"):
        report = beside.verify_env(version, python=place((other,)).python)
        assert findings(report)["ours"] == (ERROR, "origin"), other
        assert not report.fits


def _asked(project: Path, requirement: str) -> Path:
    """Write a requirement into a file: it holds spaces."""
    file = project.parent / f"asked-{abs(hash(requirement))}.txt"
    file.write_text(requirement)
    return file
