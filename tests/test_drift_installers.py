"""Drift in environments as pip and uv leave them: wheels from an address, path files, and exceptions over both."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from drift_places import ERROR, INFO, UNCHECKED, WARNING, Found, Item, Spoiled, Wheel, findings, pickled, place, wheel
from git_project import git, make_project
from package_index import serving

from modelreg import Policy, Registry, Version, Waiver

CORE = wheel("core", "1.0", "below>=1", core__mod="class Thing: pass\n")
BELOW, ASIDE = wheel("below", "1.0"), wheel("aside", "1.0")
ALL = (CORE, BELOW, ASIDE)
PKG, MINE = wheel("pkg", "1.0"), wheel("pkg", "1.0", build="mine")
ORIGIN: Found = {"pkg": (ERROR, "origin")}
REBUILT: Found = {"pkg": (WARNING, "rebuilt")}


# What the installers write down of a wheel that has an address

ADDRESSES: dict[str, tuple[str, Item | None, str, Found]] = {
    "uv, then uv": ("uv", None, "uv one", {}),
    "uv, then pip": ("uv", None, "pip one", {}),
    "pip, then uv": ("pip", None, "uv one", {}),
    "pip, then pip": ("pip", None, "pip one", {}),
    "uv, then uv from another address": ("uv", None, "uv two", ORIGIN),
    "uv, then pip from another address": ("uv", None, "pip two", ORIGIN),
    "pip, then uv from another address": ("pip", None, "uv two", ORIGIN),
    "pip, then pip from another address": ("pip", None, "pip two", ORIGIN),
    "uv, then uv from a mirror": ("uv", None, "uv mirror", {}),
    "pip, then pip from a mirror": ("pip", None, "pip mirror", {}),
    "uv, then the same wheel without an address": ("uv", PKG, "uv", {}),
    "pip, then the same wheel without an address": ("pip", PKG, "pip", {}),
    "uv, then another wheel without an address": ("uv", MINE, "pip", ORIGIN),
    # uv writes down no digest of a URL's file, and pip does.
    "uv, then another file at the address": ("uv", None, "pip changing", REBUILT),
    "pip, then another file at the address": ("pip", None, "pip changing", ORIGIN),
}


@dataclass(frozen=True)
class Served:
    """A folder with one wheel in each of its folders, and where it is served."""

    root: Path
    url: str

    def at(self, name: str) -> str:
        return f"{self.url}/{name}/{PKG.file().name}"

    def replace(self, name: str, by: Wheel) -> None:
        shutil.copy(by.file(), self.root / name / PKG.file().name)


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A wheel, another one, the first on a mirror, and one that is replaced meanwhile."""
    root = tmp_path_factory.mktemp("www")
    with serving(root) as url:
        served = Served(root, url.removesuffix("/simple"))
        for name, one in (("one", PKG), ("two", MINE), ("mirror", PKG), ("changing", PKG)):
            root.joinpath(name).mkdir()
            served.replace(name, one)
        yield served


@pytest.mark.parametrize(("trained", "other", "target", "found"), ADDRESSES.values(), ids=ADDRESSES)
def test_a_wheel_with_an_address_is_compared_by_what_its_installer_wrote_down(
    trained: str,
    other: Item | None,
    target: str,
    found: Found,
    addresses: Served,
    beside: Registry,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    installer, _, name = target.partition(" ")
    first = addresses.at("changing" if name == "changing" else "one")
    version = beside.register(model, "fraud", python=place((first,), pip=trained == "pip").python).version
    items: tuple[Item, ...] = (other if other is not None else addresses.at(name),)
    if name == "changing":
        addresses.replace(name, MINE)
        items = (*items, Spoiled("replaced.txt", ""))  # another environment than the first
    report = beside.verify_env(version, python=place(items, pip=installer == "pip").python)
    if name == "changing":
        addresses.replace(name, PKG)
    assert findings(report) == found
    assert report.fits is (found != ORIGIN)


def test_what_pip_says_of_a_repository_and_of_an_editable_folder_is_compared(
    beside: Registry, model: Path, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "ours")
    one, two = (f"git+{project.as_uri()}@{git(project, 'rev-parse', revision)}" for revision in ("HEAD~1", "HEAD"))
    version = beside.register(model, "fraud", python=place((one,)).python).version
    assert beside.verify_env(version, python=place((one,), pip=True).python).fits
    for other in (two, f"-e {project}", project.as_uri()):
        report = beside.verify_env(version, python=place((other,), pip=True).python)
        assert (findings(report), report.fits) == ({"ours": (ERROR, "origin")}, False), other


# Path files


@pytest.fixture
def fraud(beside: Registry, tmp_path: Path) -> Version:
    """fraud:1, which imports core, which needs below."""
    path = tmp_path / "model.pkl"
    path.write_bytes(pickled(("core.mod:Thing",)))
    return beside.register(path, "fraud", python=place(ALL).python).version


@pytest.mark.parametrize("pip", [False, True], ids=["uv", "pip"])
def test_a_path_file_that_hides_a_package_with_another_version_is_found(
    pip: bool, fraud: Version, beside: Registry
) -> None:
    other = place((wheel("core", "2.0", core__mod="class Thing: pass\n"),), pip=pip).site
    first = Spoiled("first.pth", f"import sys; sys.path.insert(0, {str(other)!r})\n")
    report = beside.verify_env(fraud, python=place((*ALL, first), pip=pip).python)
    assert (findings(report)["core"], report.fits) == ((ERROR, "version+shadowed"), False)


def test_a_path_file_that_adds_what_training_had_installed_is_no_difference(fraud: Version, beside: Registry) -> None:
    elsewhere = place((BELOW,)).site
    added = Spoiled("added.pth", f"{elsewhere}\n")
    assert beside.verify_env(fraud, python=place((CORE, ASIDE, added)).python).findings == ()


@pytest.mark.parametrize("within", [False, True], ids=["elsewhere", "in the environment's folder"])
def test_the_right_version_from_the_pythonpath_over_a_wrong_one_does_not_fit(
    within: bool, fraud: Version, beside: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever starts the server without that variable would serve with the other."""
    wrong = place((wheel("core", "2.0", core__mod="class Thing: pass\n"), *ALL[1:], Spoiled("by-a-test.txt", "")))
    right = (wrong.folder if within else tmp_path) / "vendored"
    shutil.copytree(place(ALL).site, right)
    monkeypatch.setenv("PYTHONPATH", str(right))
    report = beside.verify_env(fraud, python=wrong.python)
    assert findings(report)["core"] == (ERROR, "shadowed")
    assert not report.fits


def test_what_the_system_has_below_the_right_version_is_told_and_does_no_harm(fraud: Version, beside: Registry) -> None:
    """As in a virtual environment that sees the system's packages, or in Debian's /usr/local."""
    systems = place((wheel("core", "2.0", core__mod="class Thing: pass\n"), wheel("aside", "3.0"))).site
    mixed = place((*ALL, Spoiled("systems.pth", f"{systems}\n"), Spoiled("changed-by-a-test.txt", "")))
    report = beside.verify_env(fraud, python=mixed.python)
    assert (findings(report), report.fits) == ({"core": (INFO, "shadowed"), "aside": (INFO, "shadowed")}, True)
    assert not beside.verify_env(fraud, python=mixed.python, policy="strict").fits
    raw = mixed.folder / "raw"
    raw.joinpath("core").mkdir(parents=True)
    raw.joinpath("core/__init__.py").write_text("OTHER = 1\n")
    mixed.site.joinpath("raw.pth").write_text(f"import sys; sys.path.insert(0, {str(raw)!r})\n")
    assert not beside.verify_env(fraud, python=mixed.python).fits, "what hides both is found all the same"


# Exceptions

CHANGED = (CORE, wheel("below", "1.1"), ASIDE)
LABELLED = (CORE, wheel("below", "1.1+cu121"), ASIDE)
LATER, EARLIER = "9999-12-31", "2020-01-01"

EXCEPTIONS: dict[str, tuple[tuple[Item, ...], str, dict[str, Waiver], Found]] = {
    "in force": (CHANGED, "exact", {"below": Waiver("why", LATER)}, {"below": (INFO, "version")}),
    "out of date": (CHANGED, "exact", {"below": Waiver("why", EARLIER)}, {"below": (ERROR, "version+expired")}),
    "out of date, and nothing differs": (
        ALL,
        "exact",
        {"below": Waiver("why", EARLIER)},
        {"below": (ERROR, "expired")},
    ),
    "of that version": (CHANGED, "exact", {"below": Waiver("why", LATER, "==1.1")}, {"below": (INFO, "version")}),
    "of another version": (CHANGED, "exact", {"below": Waiver("why", LATER, "==1.2")}, {"below": (ERROR, "version")}),
    "of a range": (CHANGED, "exact", {"below": Waiver("why", LATER, ">=1,<2")}, {"below": (INFO, "version")}),
    "of a version without its label": (
        LABELLED,
        "exact",
        {"below": Waiver("why", LATER, "==1.1")},
        {"below": (ERROR, "version")},
    ),
    "of a version with its label": (
        LABELLED,
        "exact",
        {"below": Waiver("why", LATER, "==1.1+cu121")},
        {"below": (INFO, "version")},
    ),
    "for another package": (CHANGED, "exact", {"core": Waiver("why", LATER)}, {"below": (ERROR, "version")}),
    "for what is missing": ((CORE, ASIDE), "exact", {"below": Waiver("why", LATER)}, {"below": (INFO, "missing")}),
    "of a version, for what is missing": (
        (CORE, ASIDE),
        "exact",
        {"below": Waiver("why", LATER, "==1.1")},
        {"below": (ERROR, "missing")},
    ),
    "for what was added, strictly": (
        (*ALL, wheel("more", "1.0")),
        "strict",
        {"more": Waiver("why", LATER)},
        {"more": (INFO, "extra")},
    ),
    "for another build, strictly": (
        (CORE, wheel("below", "1.0", build="mine"), ASIDE),
        "strict",
        {"below": Waiver("why", LATER)},
        {"below": (INFO, "rebuilt")},
    ),
    "for what could not be checked": (
        (*ALL, Spoiled("below-1.0.dist-info/RECORD")),
        "exact",
        {"below": Waiver("why", LATER)},
        {"below": (INFO, "unknown")},
    ),
    "for a version alone, and what could not be checked": (
        (*ALL, Spoiled("below-1.0.dist-info/RECORD")),
        "exact",
        {"below": Waiver("why", LATER, "==1.0")},
        {"below": (UNCHECKED, "unknown")},
    ),
}


@pytest.mark.parametrize("pip", [False, True], ids=["uv", "pip"])
@pytest.mark.parametrize(("target", "policy", "waivers", "found"), EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_an_exception_excuses_what_it_says_and_no_more(
    target: tuple[Item, ...],
    policy: str,
    waivers: dict[str, Waiver],
    found: Found,
    pip: bool,
    fraud: Version,
    beside: Registry,
) -> None:
    terms = Policy.parse(policy, waivers)
    report = beside.verify_env(fraud, python=place(target, pip=pip).python, policy=terms)
    assert findings(report) == found
    assert report.fits is all(severity is INFO for severity, _ in found.values())
