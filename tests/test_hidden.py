"""Code that an import would find in place of a package, though no metadata tells of it; and code that is not there."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Run
from drift_places import ERROR, INFO, WARNING, Found, Spoiled, Wheel, findings, pickled, place

from modelreg import Policy, Registry, Version, Waiver

THING = "class Thing: pass\n"
OTHER = "class Thing: other = 1\n"
BELOW = Wheel("below", "1.0", (), (("below/__init__.py", ""), ("tests/__init__.py", "")))
PKG = Wheel("pkg", "1.0", ("below",), (("pkg/__init__.py", ""), ("pkg/mod.py", THING)))
PART = Wheel("pkg-part", "1.0", (), (("space/part.py", THING),))
ASIDE = Wheel("aside", "1.0")
ALL = (PKG, BELOW, PART, ASIDE)
HIDDEN: Found = {"pkg": (ERROR, "shadowed")}
AND_GONE: Found = {"pkg": (ERROR, "shadowed+code")}


@pytest.fixture
def fraud(beside: Registry, tmp_path: Path) -> Version:
    """fraud:1, which imports a module of pkg, which needs below, and one of a namespace."""
    return _registered(beside, tmp_path, "pkg.mod:Thing", "space.part:Thing")


def _registered(registry: Registry, folder: Path, *imports: str) -> Version:
    path = folder / "model.pkl"
    path.write_bytes(pickled(imports))
    return registry.register(path, "fraud", python=place(ALL).python).version


def _write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


AHEAD: dict[str, tuple[Mapping[str, str], Found]] = {
    "the package with other code": ({"pkg/__init__.py": "", "pkg/mod.py": OTHER}, HIDDEN),
    "a part of its code": ({"pkg/__init__.py": ""}, AND_GONE),
    "a module of its name": ({"pkg.py": ""}, AND_GONE),
    "the same code, file by file": ({"pkg/__init__.py": "", "pkg/mod.py": THING}, {}),
    "a folder of its name, which an import passes over": ({"pkg/other.py": ""}, {}),
    "another package": ({"another/__init__.py": ""}, {}),
    "what the package needs": ({"below/__init__.py": "MORE = 1\n"}, {"below": (ERROR, "shadowed")}),
    "tests, which packages leave by mistake": ({"tests/__init__.py": "MORE = 1\n"}, {}),
    "a module of a namespace": ({"space/part.py": OTHER}, {"pkg-part": (ERROR, "shadowed")}),
    "another part of a namespace": ({"space/other.py": OTHER}, {}),
    "a package that nobody needs": ({"aside.py": "MORE = 1\n"}, {}),
}


@pytest.mark.parametrize(("files", "found"), AHEAD.values(), ids=AHEAD)
def test_code_ahead_on_pythonpath_hides_a_package_unless_it_is_the_same(
    files: Mapping[str, str],
    found: Found,
    fraud: Version,
    beside: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(_write(tmp_path / "ahead", files)))
    report = beside.verify_env(fraud, python=place(ALL).python)
    assert findings(report) == found
    assert report.fits is not bool(found)


def test_what_hides_a_package_is_named_and_where_it_lies(
    fraud: Version, beside: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = _write(tmp_path / "ahead", {"pkg/__init__.py": "", "pkg/mod.py": OTHER})
    monkeypatch.setenv("PYTHONPATH", str(ahead))
    [finding] = beside.verify_env(fraud, python=place(ALL).python).findings
    assert str(finding).startswith(f"pkg 1.0 is hidden by {ahead / 'pkg/mod.py'}, which stands earlier on the path")
    assert finding.note == "the model imports pkg.mod from it when it is loaded"


LIBRARY: dict[str, tuple[Mapping[str, str], set[str]]] = {
    "a module that the model imports": ({"random.py": "class Random: pass\n"}, {"random"}),
    "a package that the model does not name": ({"json/__init__.py": ""}, {"json"}),
    "what numpy would import": ({"secrets.py": ""}, {"secrets"}),
    "an extension module's name": ({"_heapq.py": ""}, {"_heapq"}),
    "several": ({"random.py": "", "statistics.py": "", "mine.py": ""}, {"random", "statistics"}),
    "a folder of its name, which an import passes over": ({"json/data.txt": ""}, set()),
    "a test folder, as projects have": ({"test/__init__.py": ""}, set()),
    "what is in the interpreter itself": ({"sys.py": "", "time.py": ""}, set()),
    "what was loaded before the path is looked at": ({"stat.py": "", "runpy.py": ""}, set()),
    "a module of one's own": ({"mine.py": "", "randomly.py": ""}, set()),
}


@pytest.mark.parametrize(("files", "hidden"), LIBRARY.values(), ids=LIBRARY)
def test_a_module_of_the_standard_library_that_pythonpath_hides_is_found(
    files: Mapping[str, str], hidden: set[str], beside: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = _registered(beside, tmp_path, "random:Random", "pkg.mod:Thing")
    monkeypatch.setenv("PYTHONPATH", str(_write(tmp_path / "ahead", files)))
    report = beside.verify_env(version, python=place(ALL).python)
    assert findings(report) == dict.fromkeys(hidden, (ERROR, "standard"))
    assert report.fits is not bool(hidden)


def test_a_hidden_module_that_only_developers_call_is_a_warning_unless_the_model_imports_it(
    fraud: Version, beside: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = _registered(beside, tmp_path, "profile:Profile", "pkg.mod:Thing")
    monkeypatch.setenv("PYTHONPATH", str(_write(tmp_path / "ahead", {"profile.py": ""})))
    target = place(ALL).python
    assert findings(beside.verify_env(fraud, python=target)) == {"profile": (WARNING, "standard")}
    assert findings(beside.verify_env(fraud, python=target, policy="strict")) == {"profile": (ERROR, "standard")}
    assert findings(beside.verify_env(names, python=target)) == {"profile": (ERROR, "standard")}


def test_what_hides_the_standard_library_is_named_and_whether_the_model_imports_it(
    beside: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = _registered(beside, tmp_path, "random:Random", "pkg.mod:Thing")
    ahead = _write(tmp_path / "ahead", {"random.py": "", "json/__init__.py": ""})
    monkeypatch.setenv("PYTHONPATH", str(ahead))
    said = {finding.subject: finding for finding in beside.verify_env(version, python=place(ALL).python).findings}
    assert str(said["random"]) == (
        f"random of Python's standard library is hidden by {ahead / 'random.py'}, which stands earlier on the path"
    )
    assert said["random"].note == "the model imports it when it is loaded"
    assert said["json"].note == "whatever the model needs may import it"


def test_an_exception_excuses_a_hidden_module_of_the_standard_library(
    fraud: Version, beside: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(_write(tmp_path / "ahead", {"json/__init__.py": "", "_heapq.py": ""})))
    waivers = {name: Waiver("it hands everything on", "9999-12-31") for name in ("json", "heapq")}
    report = beside.verify_env(fraud, python=place(ALL).python, policy=Policy(waivers=waivers))
    assert findings(report) == {"json": (INFO, "standard"), "_heapq": (ERROR, "standard")}


def test_a_path_file_can_hide_the_standard_library_only_where_it_puts_its_folder_first(
    fraud: Version, beside: Registry, tmp_path: Path
) -> None:
    ahead = _write(tmp_path / "ahead", {"json/__init__.py": ""})
    first = Spoiled("first.pth", f"import sys; sys.path.insert(0, {str(ahead)!r})\n")
    assert findings(beside.verify_env(fraud, python=place((*ALL, first)).python)) == {"json": (ERROR, "standard")}
    last = Spoiled("last.pth", f"{ahead}\n")
    assert beside.verify_env(fraud, python=place((*ALL, last)).python).findings == ()


def test_an_archive_ahead_on_the_path_hides_a_package(
    fraud: Version, beside: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, hides in (("pkg/__init__.py", True), ("other/__init__.py", False), ("pkg/data.txt", False)):
        archive = tmp_path / f"{name.replace('/', '-')}.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr(name, "")
        monkeypatch.setenv("PYTHONPATH", str(archive))
        assert findings(beside.verify_env(fraud, python=place(ALL).python)) == (HIDDEN if hides else {}), name


def test_a_path_file_that_puts_a_folder_first_is_seen(fraud: Version, beside: Registry, tmp_path: Path) -> None:
    ahead = _write(tmp_path / "ahead", {"pkg/__init__.py": "", "pkg/mod.py": OTHER})
    line = Spoiled("first.pth", f"import sys; sys.path.insert(0, {str(ahead)!r})\n")
    assert findings(beside.verify_env(fraud, python=place((*ALL, line)).python)) == HIDDEN
    last = Spoiled("last.pth", f"{ahead}\n")
    assert beside.verify_env(fraud, python=place((*ALL, last)).python).findings == ()


def test_an_exception_excuses_what_is_hidden(
    fraud: Version, beside: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(_write(tmp_path / "ahead", {"pkg/__init__.py": "", "pkg/mod.py": OTHER})))
    policy = Policy(waivers={"pkg": Waiver("it is developed here", "9999-12-31")})
    report = beside.verify_env(fraud, python=place(ALL).python, policy=policy)
    assert (findings(report), report.fits) == ({"pkg": (INFO, "shadowed")}, True)


def test_a_package_that_wrote_over_what_the_model_imports_is_found(fraud: Version, beside: Registry) -> None:
    written = Spoiled("pkg/mod.py", OTHER)  # as by the one that was installed last
    for modules, found in (
        ((("pkg/__init__.py", ""), ("pkg/mod.py", THING)), {"fork": (INFO, "extra")}),
        ((("pkg/__init__.py", ""), ("pkg/mod.py", OTHER)), {"fork": (INFO, "extra"), "pkg": (ERROR, "files")}),
    ):
        fork = Wheel("fork", "2.0", (), modules)
        target = place((*ALL, fork, *([written] if len(found) > 1 else [])))
        assert findings(beside.verify_env(fraud, python=target.python)) == found
    aside = Wheel("more", "2.0", (), (("more/pkg/mod.py", OTHER),))
    assert findings(beside.verify_env(fraud, python=place((*ALL, aside)).python)) == {"more": (INFO, "extra")}


def test_code_that_hides_a_package_where_a_model_is_made_is_warned_of_and_refused_strictly(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(pickled(("pkg.mod:Thing",)))
    register = ("register", str(model), "fraud", "--python", str(place(ALL).folder))
    assert "hidden" not in run(*register).err
    files = {"pkg/__init__.py": "", "pkg/mod.py": OTHER, "aside.py": "MORE = 1\n", "colorsys.py": "", "mine.py": ""}
    ahead = _write(tmp_path / "ahead", files)
    monkeypatch.setenv("PYTHONPATH", str(ahead))
    ran = run(*register)
    warnings = [line for line in ran.err.splitlines() if "hidden" in line]
    stood = "which stood earlier on the path (PYTHONPATH), so the model was made with code that is not recorded"
    assert (ran.code, warnings) == (
        0,
        [
            f"warning: colorsys of Python's standard library was hidden by colorsys.py, {stood}",
            f"warning: aside 1.0 was hidden by aside.py, {stood}",
            f"warning: pkg 1.0 was hidden by pkg/mod.py, {stood}",
        ],
    )
    assert str(ahead) not in run("show", "fraud", "--json").out
    strict = run(*register[:-1], str(place(()).folder), "--strict-env")
    assert (strict.code, "was hidden by colorsys.py" in strict.err) == (3, True)


def test_the_same_code_elsewhere_where_a_model_is_made_is_not_warned_of(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(pickled(("pkg.mod:Thing",)))
    monkeypatch.setenv("PYTHONPATH", str(_write(tmp_path / "ahead", {"pkg/__init__.py": "", "pkg/mod.py": THING})))
    assert "hidden" not in run("register", str(model), "fraud", "--python", str(place(ALL).folder)).err
