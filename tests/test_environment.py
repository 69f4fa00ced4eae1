"""The environment record: one environment, one digest; and the lines that pip can install."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from modelreg import Environment, IntegrityError, Origin, Package, Platform, Python
from modelreg.canonical import decode, encode
from modelreg.environment.distribution import read_distributions
from modelreg.environment.record import TOOLING, CondaPackage, normalized

LINUX = Platform("linux", "x86_64", "glibc", "2.36")
PYTHON = Python("3.11.7", "cpython", "cpython-311-x86_64-linux-gnu")
COMMIT = "1f2e3d4c5b6a79881726354453627180f9e8d7c6"
HASH = "ab" * 32

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
optional_texts = st.none() | texts
names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,12}[A-Za-z0-9])?", fullmatch=True)
versions = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
origins = st.none() | st.builds(Origin, texts, *[optional_texts] * 6)


@st.composite
def packages(draw: st.DrawFn) -> Package:
    raw = draw(names)
    name = normalized(raw)
    return Package(name, draw(versions), None if raw == name else raw, draw(origins))


conda_packages = st.builds(CondaPackage, texts, texts, texts, optional_texts, optional_texts, st.none() | st.just(HASH))
environments = st.builds(
    Environment,
    st.builds(Python, texts, texts, optional_texts),
    st.builds(Platform, texts, texts, optional_texts, optional_texts),
    st.lists(packages(), max_size=6, unique_by=lambda package: package.name).map(tuple),
    st.lists(conda_packages, max_size=2).map(tuple),
)


@given(environments)
def test_a_record_that_is_read_back_is_the_same_environment(environment: Environment) -> None:
    read = Environment.from_mapping(decode(encode(environment.to_mapping())))
    assert read == environment
    assert read.digest == environment.digest


@given(names)
def test_names_are_normalised_as_packaging_does_it(name: str) -> None:
    assert normalized(name) == canonicalize_name(name)


def test_the_digest_is_the_same_in_whatever_order_packages_are_found() -> None:
    found = [{"folder": "/site", "file": f"{letter}-1.0.dist-info"} for letter in string.ascii_letters[:26]]
    digests = set()
    for seed in range(20):
        random.Random(seed).shuffle(found)
        digests.add(Environment(PYTHON, LINUX, read_distributions(found).packages).digest)
    assert len(digests) == 1


def changed(environment: Environment) -> list[Environment]:
    (package,) = environment.packages
    return [
        environment._replace(python=PYTHON._replace(version="3.11.8")),
        environment._replace(python=PYTHON._replace(implementation="pypy")),
        environment._replace(python=PYTHON._replace(soabi=None)),
        environment._replace(platform=LINUX._replace(machine="aarch64")),
        environment._replace(platform=LINUX._replace(libc_version="2.37")),
        environment._replace(packages=()),
        environment._replace(packages=(package._replace(version="1.0.0"),)),
        environment._replace(packages=(package._replace(origin=Origin("directory")),)),
        environment._replace(packages=(package._replace(raw_name="Pkg"),)),
    ]


def test_the_digest_differs_whatever_differs() -> None:
    environment = Environment(PYTHON, LINUX, (Package("pkg", "1.0"),))
    digests = {each.digest for each in (environment, *changed(environment))}
    assert len(digests) == 1 + len(changed(environment))


def test_the_record_holds_no_field_that_is_unknown() -> None:
    environment = Environment(Python("3.11.7", "pypy"), Platform("darwin", "arm64"), (Package("pkg", "1.0"),))
    assert environment.to_mapping() == {
        "format": 1,
        "kind": "environment",
        "python": {"version": "3.11.7", "implementation": "pypy"},
        "platform": {"system": "darwin", "machine": "arm64"},
        "packages": [{"name": "pkg", "version": "1.0"}],
    }


def test_fields_that_are_not_known_yet_are_passed_over() -> None:
    environment = Environment(PYTHON, LINUX, (Package("pkg", "1.0", origin=Origin("conda")),))
    mapping = decode(encode(environment.to_mapping()))
    package = {"name": "pkg", "version": "1.0", "origin": {"kind": "conda", "channel": "x"}, "future": ["x"]}
    assert Environment.from_mapping({**mapping, "conda": [], "packages": [package]}) == environment


REQUIREMENTS: dict[str, tuple[Package, str | None]] = {
    "a release": (Package("pkg", "1.0"), "pkg==1.0"),
    "its own spelling": (Package("pkg-name", "1.0", "Pkg.Name"), "Pkg.Name==1.0"),
    "a local label": (Package("torch", "2.1+cpu"), "torch==2.1+cpu"),
    "an epoch": (Package("pkg", "1!2.0"), "pkg==1!2.0"),
    "a pre-release": (Package("pkg", "2.0rc1"), "pkg==2.0rc1"),
    "a post-release of a development version": (Package("pkg", "1.0.post1.dev2"), "pkg==1.0.post1.dev2"),
    "spelled by another rule": (Package("pkg", "1.0-RC.1"), "pkg==1.0-RC.1"),
    "with a v": (Package("pkg", "v1.0"), "pkg==v1.0"),
    "no version by PEP 440": (Package("pkg", "2004d-foo"), "pkg===2004d-foo"),
    "no version that can be written down": (Package("pkg", "1.0;python_version<'3'"), None),
    "a list of versions": (Package("pkg", "a,b"), None),
    "conda": (Package("pkg", "1.0", origin=Origin("conda")), "pkg==1.0"),
    "a distribution": (Package("pkg", "1.0", origin=Origin("distribution")), "pkg==1.0"),
    "a commit": (
        Package("pkg", "1.0", origin=Origin("vcs", "https://host/pkg", "git", COMMIT, "main", "python/pkg")),
        f"pkg @ git+https://host/pkg@{COMMIT}#subdirectory=python/pkg",
    ),
    "a commit by ssh": (
        Package("pkg", "1.0", origin=Origin("vcs", "ssh://git@host/pkg", "git", COMMIT)),
        f"pkg @ git+ssh://git@host/pkg@{COMMIT}",
    ),
    "a commit of this machine": (Package("pkg", "1.0", origin=Origin("vcs", None, "git", COMMIT)), None),
    "a commit that is not known": (Package("pkg", "1.0", origin=Origin("vcs", "https://host/pkg", "git")), None),
    "an archive": (
        Package("pkg", "1.0", origin=Origin("archive", "https://host/pkg.zip", subdirectory="sub", sha256=HASH)),
        f"pkg @ https://host/pkg.zip#subdirectory=sub&sha256={HASH}",
    ),
    "an archive of this machine": (Package("pkg", "1.0", origin=Origin("archive", sha256=HASH)), None),
    "a URL that ends too early": (Package("pkg", "1.0", origin=Origin("archive", "https://host/a b.zip")), None),
    "a folder": (Package("pkg", "1.0", origin=Origin("directory")), None),
    "an editable folder": (Package("pkg", "1.0", origin=Origin("editable")), None),
    "a folder with a URL": (Package("pkg", "1.0", origin=Origin("directory", "https://host/pkg")), None),
}


@pytest.mark.parametrize(("package", "line"), REQUIREMENTS.values(), ids=REQUIREMENTS)
def test_a_dependency_is_a_requirement_of_exactly_this_package_or_it_is_unavailable(
    package: Package, line: str | None
) -> None:
    environment = Environment(PYTHON, LINUX, (package,))
    assert environment.dependencies == ([] if line is None else [line])
    assert environment.unavailable == ([package] if line is None else [])
    if line is not None:
        requirement = Requirement(line)
        assert canonicalize_name(requirement.name) == package.name
        assert requirement.marker is None
        if requirement.url is None:
            assert requirement.specifier.contains(package.version, prereleases=True)
        else:
            assert package.origin is not None
            assert str(package.origin.url) in requirement.url


@given(packages())
def test_any_dependency_line_is_one_requirement_and_exact(package: Package) -> None:
    if package.requirement is None:
        return
    requirement = Requirement(package.requirement)
    assert canonicalize_name(requirement.name) == package.name
    assert "\n" not in package.requirement
    if requirement.url is None:
        (specifier,) = requirement.specifier
        assert specifier.version == package.version
        assert specifier.operator == "===" or Version(specifier.version) == Version(package.version)


def test_tooling_that_cannot_be_installed_elsewhere_is_not_missed() -> None:
    local = Origin("editable")
    found = tuple(Package(name, "1.0", origin=local) for name in sorted(TOOLING))
    assert Environment(PYTHON, LINUX, found).unavailable == []


WHOLE = Environment(PYTHON, LINUX, (Package("pkg", "1.0", "Pkg", Origin("vcs", "https://host/x", "git", COMMIT)),))

DAMAGE: dict[str, tuple[str, object, str]] = {
    "no python": ("python", None, "field python has the wrong type"),
    "a python of another type": ("python", "3.11", "field python has the wrong type"),
    "no version of python": ("python", {"implementation": "cpython"}, "field python.version is missing"),
    "no platform": ("platform", [], "field platform has the wrong type"),
    "no machine": ("platform", {"system": "linux"}, "field platform.machine is missing"),
    "packages of another type": ("packages", {"pkg": "1.0"}, "field packages has the wrong type"),
    "a package of another type": ("packages", ["pkg==1.0"], "field packages is no list of objects"),
    "a package without a name": ("packages", [{"version": "1"}], "field packages[0].name is missing"),
    "a package without a version": ("packages", [{"name": "pkg"}], "field packages[0].version is missing"),
    "a number for a version": ("packages", [{"name": "pkg", "version": 1}], "packages[0].version has the wrong type"),
    "an empty version": ("packages", [{"name": "pkg", "version": ""}], "packages[0].version is no version"),
    "two words for a version": ("packages", [{"name": "p", "version": "1 2"}], "packages[0].version is no version"),
    "a control character": ("packages", [{"name": "p", "version": "1\x1b[m"}], "packages[0].version is no version"),
    "a name that is not normalised": ("packages", [{"name": "Pkg", "version": "1"}], "packages[0].name is no normal"),
    "an option for a name": ("packages", [{"name": "-r x", "version": "1"}], "packages[0].name is no normalised"),
    "another raw name": ("packages", [{"name": "pkg", "version": "1", "raw_name": "evil"}], "raw_name is no spelling"),
    "a raw name with a URL": (
        "packages",
        [{"name": "pkg", "version": "1", "raw_name": "pkg @ https://evil/x.whl"}],
        "raw_name is no spelling",
    ),
    "an origin of another type": ("packages", [{"name": "p", "version": "1", "origin": "vcs"}], "origin has the wrong"),
    "an origin without a kind": ("packages", [{"name": "p", "version": "1", "origin": {}}], "origin.kind is missing"),
    "a package twice": (
        "packages",
        [{"name": "p", "version": "1"}, {"name": "p", "version": "2"}],
        "stands in it twic",
    ),
}


@pytest.mark.parametrize(("field", "value", "sentence"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_record_is_refused_and_the_field_is_named(field: str, value: object, sentence: str) -> None:
    with pytest.raises(IntegrityError) as refused:
        Environment.from_mapping({**WHOLE.to_mapping(), field: value})
    assert sentence in str(refused.value)


@pytest.mark.parametrize("field", ["python", "platform", "packages"])
def test_a_record_without_one_of_its_parts_is_refused(field: str) -> None:
    mapping = {name: value for name, value in WHOLE.to_mapping().items() if name != field}
    with pytest.raises(IntegrityError, match=f"field {field} is missing"):
        Environment.from_mapping(mapping)


@pytest.mark.parametrize(
    ("version", "minor"), [("3.11.7", "3.11"), ("3.14.0rc1", "3.14"), ("3.9", "3.9"), ("3.10.13", "3.10")]
)
def test_the_minor_version_is_that_of_the_language(version: str, minor: str) -> None:
    assert Python(version, "cpython").minor == minor


@pytest.mark.parametrize(
    ("platform", "said"),
    [
        (LINUX, "linux x86_64, glibc 2.36"),
        (Platform("darwin", "arm64"), "darwin arm64"),
        (Platform("linux", "x86_64", "musl"), "linux x86_64, musl"),
    ],
)
def test_a_platform_is_said_as_a_person_would(platform: Platform, said: str) -> None:
    assert str(platform) == said
