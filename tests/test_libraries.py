"""conda's packages that are none of Python's: BLAS, OpenMP and the like, which no pin of Python's tells of."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from drift_places import ERROR, INFO, UNCHECKED, WARNING, Found, findings
from environments import Place, add, make_place

from modelreg import Capture, Platform, Policy, Registry, Version, Waiver
from modelreg.cli.report.text import summary
from modelreg.environment.record import CondaPackage

LIBBLAS, MKL = ("libblas", "3.9.0", "12_linux64_mkl"), ("mkl", "2021.4.0", "h06a4308_640")
OPENSSL, PYTHON = ("openssl", "3.0.13", "h7f8727e_0"), ("python", "3.11.7", "h955ad1f_0")
TRAINED = (LIBBLAS, MKL, OPENSSL, PYTHON)


def _conda(folder: Path, *libraries: tuple[str, str, str]) -> Place:
    """Make an environment as conda leaves one, with a package of Python's."""
    place = make_place(folder)
    add(place.site, "pkg", "1.0", installer="conda")
    meta = folder / "conda-meta"
    meta.mkdir()
    for name, version, build in libraries:
        record = {"name": name, "version": version, "build": build, "files": [f"lib/{name}.so"]}
        meta.joinpath(f"{name}-{version}-{build}.json").write_text(json.dumps(record), encoding="utf-8")
    meta.joinpath("history").write_text("==> 2026-01-01 <==\n", encoding="utf-8")
    meta.joinpath("odd.json").write_text("{", encoding="utf-8")
    return place


@pytest.fixture
def fraud(beside: Registry, model: Path, tmp_path: Path) -> Version:
    return beside.register(model, "fraud", python=_conda(tmp_path / "trained", *TRAINED).python).version


DIFFERENCES: Mapping[str, tuple[tuple[tuple[str, str, str], ...], Found, Found]] = {
    "the same": (TRAINED, {}, {}),
    "another BLAS under the same version": (
        (("libblas", "3.9.0", "12_linux64_openblas"), MKL, OPENSSL, PYTHON),
        {"libblas": (WARNING, "library")},
        {"libblas": (ERROR, "library")},
    ),
    "another version of what computes": (
        (LIBBLAS, ("mkl", "2023.1.0", "h06a4308_640"), OPENSSL, PYTHON),
        {"mkl": (WARNING, "library")},
        {"mkl": (ERROR, "library")},
    ),
    "what computes is missing": (
        (LIBBLAS, OPENSSL, PYTHON),
        {"mkl": (WARNING, "library")},
        {"mkl": (ERROR, "library")},
    ),
    "another version of what computes nothing": (
        (LIBBLAS, MKL, ("openssl", "3.0.14", "h7f8727e_0"), PYTHON),
        {"openssl": (INFO, "library")},
        {"openssl": (ERROR, "library")},
    ),
    "another build of Python, which is compared as such": (
        (LIBBLAS, MKL, OPENSSL, ("python", "3.11.7", "h1_1")),
        {},
        {},
    ),
    "one more": ((*TRAINED, ("zlib", "1.3", "h1_0")), {}, {}),
}


@pytest.mark.parametrize(("there", "exact", "strict"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_libraries_of_conda_are_compared_by_what_they_do(
    there: tuple[tuple[str, str, str], ...],
    exact: Found,
    strict: Found,
    fraud: Version,
    beside: Registry,
    tmp_path: Path,
) -> None:
    target = _conda(tmp_path / "serving", *there)
    assert findings(beside.verify_env(fraud, python=target.python)) == exact
    assert findings(beside.verify_env(fraud, python=target.python, policy="strict")) == strict
    whole = beside.verify_env(fraud, environment=target.captured())
    assert findings(whole) == exact


def test_where_conda_made_no_environment_its_libraries_are_said_to_be_unchecked(
    fraud: Version, beside: Registry, tmp_path: Path
) -> None:
    place = make_place(tmp_path / "plain")
    add(place.site, "pkg", "1.0")
    report = beside.verify_env(fraud, python=place.python)
    assert (findings(report), report.fits) == ({"conda": (INFO, "unknown")}, True)
    assert str(report.findings[0]).startswith("conda could not be checked: the 3 of its packages")
    strict = beside.verify_env(fraud, python=place.python, policy="strict")
    assert (findings(strict), strict.fits) == ({"conda": (UNCHECKED, "unknown")}, False)


def test_on_another_machine_libraries_are_others_and_that_is_not_said_of_each(
    fraud: Version, beside: Registry, tmp_path: Path
) -> None:
    found = _conda(tmp_path / "serving").captured()
    arm = found._replace(environment=found.environment._replace(platform=Platform("linux", "aarch64", "glibc", "2.36")))
    kinds = {finding.kind for finding in beside.verify_env(fraud, environment=arm).findings}
    assert "machine" in kinds
    assert "library" not in kinds


def test_an_exception_excuses_a_library(fraud: Version, beside: Registry, tmp_path: Path) -> None:
    target = _conda(tmp_path / "serving", ("libblas", "3.9.0", "12_linux64_openblas"), MKL, OPENSSL, PYTHON)
    waivers = {"libblas": Waiver("predictions compared", "9999-12-31")}
    report = beside.verify_env(fraud, python=target.python, policy=Policy("strict", waivers=waivers))
    assert (findings(report), report.fits) == ({"libblas": (INFO, "library")}, True)


def test_libraries_that_compute_nothing_are_counted_in_the_summary(
    beside: Registry, model: Path, captured: Capture
) -> None:
    libraries = tuple(CondaPackage(f"lib{name}", "1.0", "h1_0") for name in ("png", "curl"))
    trained = captured._replace(environment=captured.environment._replace(conda=libraries), kind="conda")
    version = beside.register(model, "fraud", capture=trained).version
    others = tuple(library._replace(version="1.1") for library in libraries)
    found = trained._replace(environment=trained.environment._replace(conda=others))
    lines = summary(beside.verify_env(version, environment=found).comparison)
    assert lines[-1].endswith("2 packages of conda's that no numbers are computed with differ")


def test_of_a_lock_it_is_said_that_it_says_nothing_of_them(fraud: Version, beside: Registry, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("pkg==1.0\n", encoding="utf-8")
    report = beside.verify_env(fraud, lock=lock)
    assert report.fits
    assert any("the 4 packages of conda's that are none of Python's" in said for said in report.comparison.unsaid)
