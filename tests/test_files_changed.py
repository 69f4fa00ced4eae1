"""Files that were changed since a package was installed: found by the digests of its RECORD, each of them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import Place, add, make_place, make_wheel

from modelreg import Package, capture, find_interpreter
from modelreg.environment.files_changed import FilesChanged, files_changed
from modelreg.environment.record import Origin

MODULES = {"pkg/__init__.py": "ANSWER = 42\n", "pkg/data/a,b.txt": "data\n", "pkg/empty.py": "", "pkg/two.py": "2\n"}


@pytest.fixture
def place(tmp_path: Path, uv: Path) -> Place:
    """An environment with one package, installed by uv as any other."""
    place = make_place(tmp_path / "place")
    wheel = make_wheel(tmp_path / "wheels", "pkg", "1.0", modules=MODULES)
    made = [str(uv), "pip", "install", "--offline", "--no-config", "--quiet", "--link-mode", "copy"]
    subprocess.run([*made, "--python", str(place.python), str(wheel)], check=True)
    return place


def _found(place: Place, *packages: Package) -> list[FilesChanged]:
    captured = place.captured()
    return list(files_changed(packages or captured.environment.packages, captured.places))


def test_what_is_as_it_was_installed_is_found_so(place: Place) -> None:
    (found,) = _found(place)
    assert (found.package, found.changed, found.missing, found.unchecked) == ("pkg", (), (), None)
    assert found.checked == len(MODULES) + 2  # METADATA and WHEEL


CHANGES: dict[str, tuple[Callable[[Path], object], tuple[str, ...], tuple[str, ...]]] = {
    "a byte, at the same size": (
        lambda site: (site / "pkg/__init__.py").write_text("ANSWER = 43\n"),
        ("pkg/__init__.py",),
        (),
    ),
    "a line more": (lambda site: (site / "pkg/two.py").write_text("2\n3\n"), ("pkg/two.py",), ()),
    "an empty file filled": (lambda site: (site / "pkg/empty.py").write_text("1\n"), ("pkg/empty.py",), ()),
    "a path with a comma": (lambda site: (site / "pkg/data/a,b.txt").write_text("DATA\n"), ("pkg/data/a,b.txt",), ()),
    "a file removed": (lambda site: (site / "pkg/two.py").unlink(), (), ("pkg/two.py",)),
    "metadata": (
        lambda site: (site / "pkg-1.0.dist-info/METADATA").write_text("Name: pkg\nVersion: 1.0\n"),
        ("pkg-1.0.dist-info/METADATA",),
        (),
    ),
}


@pytest.mark.parametrize(("change", "changed", "missing"), CHANGES.values(), ids=CHANGES)
def test_each_change_is_found(
    place: Place, change: Callable[[Path], object], changed: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    change(place.site)
    (found,) = _found(place)
    assert (found.changed, found.missing) == (changed, missing)


@pytest.mark.parametrize(
    "added", ["pkg/two/__init__.py", "pkg/two.cpython-312-x86_64-linux-gnu.so", "pkg/__init__.abi3.so"]
)
def test_what_was_added_in_place_of_a_module_is_found(place: Place, added: str) -> None:
    file = place.site / added
    file.parent.mkdir(exist_ok=True)
    file.write_text("")
    (found,) = _found(place)
    assert (found.changed, found.missing, found.hiding) == ((), (), (added,))


def test_what_was_added_beside_modules_hides_none(place: Place) -> None:
    for name in ("pkg/two.pyc", "pkg/two.pyi", "pkg/more.py", "pkg/two.txt"):
        place.site.joinpath(name).write_text("")
    place.site.joinpath("pkg/two").mkdir()
    assert _found(place)[0].hiding == ()


def test_what_an_interpreter_or_an_installer_writes_is_no_change(place: Place) -> None:
    site = place.site
    site.joinpath("pkg/__pycache__").mkdir()
    site.joinpath("pkg/__pycache__/two.cpython-311.pyc").write_bytes(b"anything")
    record = site / "pkg-1.0.dist-info/RECORD"
    with record.open("a", encoding="utf-8") as file:
        file.write("../../../bin/pkg,sha256=wrong,9\n/opt/pkg,sha256=wrong,9\npkg/two.pyc,sha256=wrong,9\n")
        file.write("pkg-1.0.dist-info/direct_url.json,sha256=wrong,9\npkg/generated.py,,\npkg/old.py,md5=wrong,9\n")
    (found,) = _found(place)
    assert (found.changed, found.missing) == ((), ())


def test_many_files_are_all_looked_at(tmp_path: Path) -> None:
    place = make_place(tmp_path / "place")
    info = add(place.site, "many", "1.0")
    digest = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"  # of nothing
    info.joinpath("RECORD").write_text("".join(f"many/{n}.py,sha256={digest},0\n" for n in range(1500)))
    place.site.joinpath("many").mkdir()
    for number in range(1500):
        place.site.joinpath(f"many/{number}.py").write_text("x" if number in (7, 777, 1499) else "")
    (found,) = _found(place)
    assert (found.checked, found.changed) == (1500, ("many/7.py", "many/777.py", "many/1499.py"))


UNCHECKED = {
    "no RECORD": (None, None, "no RECORD"),
    "a RECORD without digests": (b"bare/one.py,,\n", None, "no RECORD"),
    "a RECORD that is no text": (b"\xff\xfe\x00", None, "no RECORD"),
    "an editable folder": (b"bare/one.py,sha256=x,1\n", Origin("editable"), "editable"),
}


@pytest.mark.parametrize(("record", "origin", "reason"), UNCHECKED.values(), ids=UNCHECKED)
def test_what_cannot_be_checked_is_said(
    tmp_path: Path, record: bytes | None, origin: Origin | None, reason: str
) -> None:
    place = make_place(tmp_path / "place")
    info = add(place.site, "bare", "1.0")
    if record is not None:
        info.joinpath("RECORD").write_bytes(record)
    (found,) = _found(place, Package("bare", "1.0", origin=origin))
    assert found.unchecked is not None
    assert reason in found.unchecked
    assert not found.managed


@pytest.mark.parametrize("kind", ["conda", "distribution"])
def test_packages_that_another_tool_looks_after_are_left_out(place: Place, kind: str) -> None:
    place.site.joinpath("pkg/two.py").unlink()
    (found,) = _found(place, Package("pkg", "1.0", origin=Origin(kind)))
    assert (found.managed, found.missing) == (True, ())


def test_a_file_that_cannot_be_read_is_not_said_to_be_changed(place: Place) -> None:
    place.site.joinpath("pkg/two.py").unlink()
    place.site.joinpath("pkg/two.py").mkdir()
    (found,) = _found(place)
    assert (found.changed, found.unread) == ((), ("pkg/two.py",))


def test_the_packages_of_the_running_environment_are_as_they_were_installed() -> None:
    captured = capture(find_interpreter(sys.executable), whole=False)
    wanted = {"numpy", "scipy", "scikit-learn", "joblib"}
    packages = [package for package in captured.environment.packages if package.name in wanted]
    found = list(files_changed(packages, captured.places))
    assert sum(one.checked for one in found) > 1000
    assert not [one for one in found if one.changed or one.missing or one.unchecked]
