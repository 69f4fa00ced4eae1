"""How much a difference weighs: by role, by group, by policy, and by exception."""

from collections.abc import Mapping

import pytest

from modelreg import Environment, Origin, Package, Platform, Policy, Python, UsageError, Waiver
from modelreg.environment.compare import Comparison, compare
from modelreg.environment.distribution import Duplicate
from modelreg.environment.expected import Expected, declared_package
from modelreg.environment.finding import Role, Severity
from modelreg.environment.policy import Terms, read_waivers
from modelreg.records import Group, Imports, Roles
from modelreg.registry.verify import todays

LINUX = Platform("linux", "x86_64", "glibc", "2.36")
PYTHON = Python("3.11.7", "cpython", "cpython-311-x86_64-linux-gnu")
SKLEARN, NUMPY = Package("scikit-learn", "1.3.2", record="a" * 64), Package("numpy", "1.26.4", record="b" * 64)
JUPYTER, HYPEROPT, FASTAPI = Package("jupyter", "1.0"), Package("hyperopt", "0.2.7"), Package("fastapi", "0.115.0")
PIP = Package("pip", "24.0")
IMPORTS = Imports(
    {"sklearn.ensemble._forest": ("RandomForestClassifier",)},
    {},
    complete=True,
    packages={"sklearn.ensemble._forest": "scikit-learn"},
    missing=(),
)
ROLES = Roles(("numpy", "scikit-learn"), ("pip",))
GROUPS = {
    "base": Group((), ("numpy", "scikit-learn")),
    "train": Group(("hyperopt",), ("hyperopt",)),
    "serve": Group(("fastapi",), (), ("fastapi==0.115.0", "ours @ git+https://example.org/ours@" + "c" * 40)),
}
OURS = Package("ours", "0.1", origin=Origin("vcs", "https://example.org/ours", "git", "c" * 40))


def environment(*packages: Package) -> Environment:
    return Environment(PYTHON, LINUX, tuple(sorted(packages, key=lambda package: package.name)))


TRAINED = environment(SKLEARN, NUMPY, JUPYTER, HYPEROPT, PIP)
KNOWN = Expected(TRAINED, IMPORTS, None, ROLES)
GROUPED = Expected(TRAINED, IMPORTS, GROUPS, ROLES)


def changed(package: Package, version: str) -> Package:
    return package._replace(version=version, record="c" * 64)


def severities(comparison: Comparison) -> dict[str, tuple[Severity, str]]:
    return {finding.subject: (finding.severity, finding.kind) for finding in comparison.findings}


def check(
    expected: Expected, *packages: Package, policy: str = "exact", group: str | None = None, today: str = "2026-11-24"
) -> dict[str, tuple[Severity, str]]:
    return severities(compare(expected, environment(*packages), Terms(Policy.parse(policy), group, today)))


ERROR, UNCHECKED, WARNING, INFO = Severity


def test_what_the_model_needs_is_an_error_and_what_it_does_not_is_a_warning() -> None:
    found = check(KNOWN, changed(SKLEARN, "1.4.2"), NUMPY, changed(JUPYTER, "2.0"), HYPEROPT)
    assert found == {"scikit-learn": (ERROR, "version"), "jupyter": (WARNING, "version")}


def test_what_is_incidental_may_be_missing() -> None:
    assert check(KNOWN, SKLEARN, NUMPY) == {"jupyter": (INFO, "missing"), "hyperopt": (INFO, "missing")}


def test_where_nothing_is_known_every_pin_is_an_error() -> None:
    found = check(Expected(TRAINED), SKLEARN, NUMPY, changed(HYPEROPT, "1"))
    assert found == {"jupyter": (ERROR, "missing"), "hyperopt": (ERROR, "version")}


def test_where_only_groups_are_known_they_decide() -> None:
    found = check(Expected(TRAINED, None, GROUPS), changed(SKLEARN, "1.4"), NUMPY, FASTAPI, OURS)
    assert found == {
        "scikit-learn": (ERROR, "version"),
        "jupyter": (INFO, "missing"),
        "hyperopt": (INFO, "missing"),
    }


def test_serving_needs_what_it_declared_and_not_what_training_did() -> None:
    assert check(GROUPED, SKLEARN, NUMPY, JUPYTER, FASTAPI, OURS) == {"hyperopt": (INFO, "missing")}
    assert check(GROUPED, SKLEARN, NUMPY, JUPYTER, HYPEROPT) == {
        "fastapi": (ERROR, "missing"),
        "ours": (ERROR, "missing"),
    }


def test_training_needs_what_it_declared_and_not_what_serving_did() -> None:
    assert check(GROUPED, SKLEARN, NUMPY, JUPYTER, HYPEROPT, group="train") == {}
    assert check(GROUPED, SKLEARN, NUMPY, JUPYTER, group="train") == {"hyperopt": (ERROR, "missing")}


def test_a_declared_pin_is_held_to_its_version_and_its_commit() -> None:
    other = OURS._replace(origin=Origin("vcs", "https://example.org/ours", "git", "d" * 40))
    found = check(GROUPED, SKLEARN, NUMPY, JUPYTER, changed(FASTAPI, "0.116"), other)
    assert found["fastapi"] == (ERROR, "version")
    assert found["ours"] == (ERROR, "origin")


def test_a_group_that_the_model_has_not_is_refused_with_those_it_has() -> None:
    with pytest.raises(UsageError, match="the model has no group test; its groups: base, serve, train"):
        check(GROUPED, SKLEARN, group="test")
    with pytest.raises(UsageError, match="the model has no group serve, nor any other"):
        check(KNOWN, SKLEARN, group="serve")


def test_tooling_is_not_compared() -> None:
    comparison = compare(KNOWN, environment(SKLEARN, NUMPY, JUPYTER, HYPEROPT, changed(PIP, "99")))
    assert (comparison.findings, comparison.ignored) == ((), ("pip",))
    assert comparison.roles == {
        "hyperopt": Role.INCIDENTAL,
        "jupyter": Role.INCIDENTAL,
        "numpy": Role.LOAD_CRITICAL,
        "scikit-learn": Role.LOAD_CRITICAL,
    }


def test_a_package_that_was_built_again_is_a_warning_where_it_matters_and_an_error_if_strict() -> None:
    rebuilt = SKLEARN._replace(record="d" * 64)
    others = (NUMPY, JUPYTER, HYPEROPT)
    assert check(KNOWN, rebuilt, *others) == {"scikit-learn": (WARNING, "rebuilt")}
    assert check(KNOWN, rebuilt, *others, policy="all") == {"scikit-learn": (WARNING, "rebuilt")}
    assert check(KNOWN, rebuilt, *others, policy="strict") == {"scikit-learn": (ERROR, "rebuilt")}


def test_another_platform_has_other_builds_and_that_is_not_said_of_each() -> None:
    found = environment(SKLEARN._replace(record="d" * 64), NUMPY, JUPYTER, HYPEROPT)._replace(platform=ARM)
    assert severities(compare(KNOWN, found)) == {"platform": (ERROR, "machine")}


ARM = LINUX._replace(machine="aarch64")


@pytest.mark.parametrize("policy", ["exact", "all", "strict", "compatible:numpy"])
def test_a_build_that_cannot_be_checked_is_said_and_fails_unless_allowed(policy: str) -> None:
    found = environment(SKLEARN._replace(record=None), NUMPY, JUPYTER, HYPEROPT)
    terms = Terms(Policy.parse(policy))
    comparison = compare(KNOWN, found, terms)
    assert severities(comparison) == {"scikit-learn": (UNCHECKED, "unknown")}
    assert not comparison.fits
    assert compare(KNOWN, found, terms._replace(allow_unchecked=True)).fits


def test_from_the_same_files_the_place_does_not_matter() -> None:
    mirrored = SKLEARN._replace(origin=Origin("archive", "https://example.org/scikit_learn-1.3.2.whl"))
    assert check(KNOWN, mirrored, NUMPY, JUPYTER, HYPEROPT) == {}
    other = mirrored._replace(record="d" * 64)
    assert check(KNOWN, other, NUMPY, JUPYTER, HYPEROPT) == {"scikit-learn": (ERROR, "origin")}


def test_of_one_url_a_digest_that_was_not_written_down_is_no_difference_and_another_one_is() -> None:
    file = Origin("archive", "https://example.org/pkg-1.whl", sha256="a" * 64)
    wanted = Expected(environment(Package("pkg", "1", origin=file)))
    assert check(wanted, Package("pkg", "1", origin=file._replace(sha256=None))) == {}
    assert check(wanted, Package("pkg", "1", origin=file._replace(url="https://mirror.example.org/pkg-1.whl"))) == {}
    for other in (file._replace(sha256="b" * 64), Origin("archive", "https://example.org/other-1.whl")):
        assert check(wanted, Package("pkg", "1", origin=other)) == {"pkg": (ERROR, "origin")}


HIDDEN = Duplicate("scikit-learn", "1.2", "1.3.2", shadowed=True)
DUPLICATES: Mapping[str, tuple[Duplicate, Severity, str]] = {
    "hidden on the path by the model's version": (HIDDEN, ERROR, "shadowed"),
    "twice in one folder": (HIDDEN._replace(shadowed=False), ERROR, "duplicate"),
    "one that does not matter": (HIDDEN._replace(name="jupyter"), WARNING, "shadowed"),
    "the model's version hidden on the path": (HIDDEN._replace(version="1.3.2", first="1.2"), ERROR, "shadowed"),
}


@pytest.mark.parametrize(("duplicate", "severity", "kind"), DUPLICATES.values(), ids=DUPLICATES)
def test_a_package_that_is_there_twice_is_found(duplicate: Duplicate, severity: Severity, kind: str) -> None:
    comparison = compare(KNOWN, environment(SKLEARN, NUMPY, JUPYTER, HYPEROPT), None, [duplicate])
    assert severities(comparison) == {duplicate.name: (severity, kind)}


def test_what_the_environment_s_own_right_version_hides_is_information_but_by_strict() -> None:
    found = environment(SKLEARN, NUMPY, JUPYTER, HYPEROPT)
    own = compare(KNOWN, found, None, [HIDDEN], own={"scikit-learn"})
    assert severities(own) == {"scikit-learn": (INFO, "shadowed")}
    strictly = compare(KNOWN, found, Terms(Policy("strict")), [HIDDEN], own={"scikit-learn"})
    assert severities(strictly)["scikit-learn"] == (ERROR, "shadowed")
    wrong = HIDDEN._replace(version="1.3.2", first="1.2")
    assert severities(compare(KNOWN, found, None, [wrong], own={"scikit-learn"}))["scikit-learn"][0] is ERROR


def test_duplicates_of_what_is_not_asked_for_are_nothing_to_us() -> None:
    other = HIDDEN._replace(name="other")
    assert compare(KNOWN, environment(SKLEARN, NUMPY, JUPYTER, HYPEROPT), None, [other]).findings == ()


def test_the_policy_all_makes_every_pin_an_error() -> None:
    found = check(KNOWN, SKLEARN, NUMPY, changed(HYPEROPT, "1"), Package("more", "1"), policy="all")
    assert found == {"hyperopt": (ERROR, "version"), "jupyter": (ERROR, "missing"), "more": (INFO, "extra")}


def test_the_policy_strict_takes_nothing_more_and_no_other_patch_of_python() -> None:
    everything = (SKLEARN, NUMPY, JUPYTER, HYPEROPT)
    assert check(KNOWN, *everything, Package("more", "1"), policy="strict") == {"more": (ERROR, "extra")}
    assert check(KNOWN, *everything, Package("uv", "1"), policy="strict") == {}
    patched = environment(*everything)._replace(python=PYTHON._replace(version="3.11.9"))
    assert severities(compare(KNOWN, patched, Terms(Policy("strict")))) == {"python": (ERROR, "python")}
    assert severities(compare(KNOWN, patched)) == {"python": (WARNING, "python")}


@pytest.mark.parametrize(
    ("version", "severity"), [("1.26.9", WARNING), ("1.26.4.post1", WARNING), ("1.27.0", ERROR), ("1.26.3", ERROR)]
)
def test_the_policy_compatible_bends_for_what_it_names_within_a_series(version: str, severity: Severity) -> None:
    found = check(KNOWN, SKLEARN, changed(NUMPY, version), JUPYTER, HYPEROPT, policy="compatible:NumPy")
    assert found == {"numpy": (severity, "version")}
    unnamed = check(KNOWN, SKLEARN, changed(NUMPY, version), JUPYTER, HYPEROPT, policy="compatible:scikit-learn")
    assert unnamed == {"numpy": (ERROR, "version")}


def test_it_does_not_bend_for_another_build_variant() -> None:
    wanted = Expected(environment(Package("torch", "2.1.0+cpu")))
    assert check(wanted, Package("torch", "2.1.1+cu121"), policy="compatible:torch") == {"torch": (ERROR, "version")}


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ("lenient", "there is no policy 'lenient'; it is one of exact, all, strict, compatible"),
        ("", "there is no policy ''"),
        ("compatible", "the policy compatible must name the packages it may bend for"),
        ("compatible:", "the policy compatible must name the packages it may bend for"),
        ("compatible:num py", "names no package"),
        ("all:numpy", "there is no policy 'all:numpy'"),
    ],
)
def test_what_is_no_policy_is_refused(policy: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Policy.parse(policy)


def excepted(waiver: Waiver, *packages: Package, today: str = "2026-11-24") -> Comparison:
    return compare(KNOWN, environment(*packages), Terms(Policy(waivers={"numpy": waiver}), None, today))


def test_an_exception_excuses_one_package_and_says_why() -> None:
    waiver = Waiver("predictions compared", "2026-12-31")
    comparison = excepted(waiver, changed(SKLEARN, "1.4.2"), changed(NUMPY, "2.0"), JUPYTER, HYPEROPT)
    assert severities(comparison) == {"scikit-learn": (ERROR, "version"), "numpy": (INFO, "version")}
    (finding,) = [finding for finding in comparison.findings if finding.subject == "numpy"]
    assert finding.note == "excused until 2026-12-31: predictions compared"


def test_an_exception_may_name_the_versions_it_excuses() -> None:
    waiver = Waiver("predictions compared", "2026-12-31", "==1.26.*")
    assert severities(excepted(waiver, SKLEARN, changed(NUMPY, "1.26.9"), JUPYTER, HYPEROPT))["numpy"][0] is INFO
    assert severities(excepted(waiver, SKLEARN, changed(NUMPY, "2.0"), JUPYTER, HYPEROPT))["numpy"][0] is ERROR
    assert severities(excepted(waiver, SKLEARN, JUPYTER, HYPEROPT))["numpy"] == (ERROR, "missing")


def test_an_exception_for_a_version_is_none_for_a_build_of_it_with_a_label() -> None:
    for version, severity in (("==1.27", ERROR), ("==1.27+mkl", INFO)):
        waiver = Waiver("predictions compared", "2026-12-31", version)
        found = severities(excepted(waiver, SKLEARN, changed(NUMPY, "1.27+mkl"), JUPYTER, HYPEROPT))
        assert found["numpy"] == (severity, "version")


def test_an_exception_that_has_expired_fails() -> None:
    waiver = Waiver("predictions compared", "2026-11-23")
    assert severities(excepted(waiver, SKLEARN, NUMPY, JUPYTER, HYPEROPT)) == {"numpy": (ERROR, "expired")}
    assert excepted(waiver, SKLEARN, NUMPY, JUPYTER, HYPEROPT, today="2026-11-23").fits
    kinds = [finding.kind for finding in excepted(waiver, SKLEARN, changed(NUMPY, "2"), JUPYTER, HYPEROPT).findings]
    assert kinds == ["version", "expired"]


@pytest.mark.parametrize("name", ["python", "platform", "packages"])
def test_an_exception_excuses_packages_alone(name: str) -> None:
    terms = Terms(Policy(waivers={name: Waiver("it is called so", "2026-12-31")}), None, "2026-11-24")
    there = Environment(Python("3.12.1", "cpython"), Platform("darwin", "arm64"))
    nothing = compare(Expected(KNOWN.environment._replace(packages=())), there, terms)
    failing = {(finding.subject, finding.severity) for finding in nothing.findings}
    assert failing == {("python", ERROR), ("platform", ERROR), ("packages", ERROR)}


def test_exceptions_are_read_from_pyproject() -> None:
    table = {"Num_Py": {"reason": " because ", "until": "2026-12-31", "version": ">=2"}}
    assert read_waivers(table) == {"num-py": Waiver("because", "2026-12-31", ">=2")}


@pytest.mark.parametrize(
    "entry",
    [
        "2.0",
        {},
        {"reason": "because"},
        {"until": "2026-12-31"},
        {"reason": " ", "until": "2026-12-31"},
        {"reason": "because", "until": "tomorrow"},
        {"reason": "because", "until": "2026-02-30"},
        {"reason": "because", "until": "2026-12-31", "version": "two"},
        {"reason": "because", "until": "2026-12-31", "version": ""},
        {"reason": "because", "until": "2026-12-31", "versions": "==2"},
    ],
)
def test_an_exception_without_a_reason_and_a_date_is_refused(entry: object) -> None:
    with pytest.raises(UsageError, match=r"exception for '?numpy'? in pyproject\.toml"):
        read_waivers({"numpy": entry})


NO_POLICIES = {
    "until a day of another calendar": Policy(waivers={"numpy": Waiver("because", "31.12.2026")}),
    "until a day without its noughts": Policy(waivers={"numpy": Waiver("because", "2026-9-1")}),
    "without a reason": Policy(waivers={"numpy": Waiver("", "2026-12-31")}),
    "for versions that are none": Policy(waivers={"numpy": Waiver("because", "2026-12-31", "two")}),
    "for no package": Policy(waivers={"num py": Waiver("because", "2026-12-31")}),
    "of another name": Policy("Strict"),
    "that bends for nothing": Policy("compatible"),
}


@pytest.mark.parametrize("policy", NO_POLICIES.values(), ids=NO_POLICIES)
def test_a_policy_that_a_program_made_is_held_to_what_is_read_from_a_project(policy: Policy) -> None:
    with pytest.raises(UsageError):
        todays(policy)


def test_the_names_in_a_policy_that_a_program_made_are_compared_as_packages_are() -> None:
    waiver = Waiver("because", "2026-12-31", ">=2")
    made = Policy("compatible", frozenset({"Num_Py"}), {"Num_Py": waiver})
    assert todays(made).policy == Policy("compatible", frozenset({"num-py"}), {"num-py": waiver})


def test_a_finding_says_that_the_model_imports_the_package() -> None:
    comparison = compare(KNOWN, environment(changed(SKLEARN, "1.4.2"), changed(NUMPY, "2"), JUPYTER, HYPEROPT))
    notes = {finding.subject: finding.note for finding in comparison.findings}
    assert notes == {
        "scikit-learn": "the model imports sklearn.ensemble._forest from it when it is loaded",
        "numpy": "what the model imports needs it",
    }


def test_declared_requirements_are_read_as_they_are_recorded() -> None:
    assert declared_package("FastAPI[all]==0.115.0") == Package("fastapi", "0.115.0", "FastAPI")
    archive = Origin("archive", "https://example.org/x-1.whl", sha256="a" * 64)
    assert declared_package(f"x @ https://example.org/x-1.whl#sha256={'a' * 64}") == Package("x", "", "x", archive)
    with pytest.raises(UsageError, match="is not exact"):
        declared_package("fastapi>=1")


@pytest.mark.parametrize("policy", ["exact", "all", "strict", "compatible:numpy"])
def test_what_only_installs_and_checks_never_counts_and_what_the_model_loads_always_does(policy: str) -> None:
    counts = Policy.parse(policy).counts
    assert not counts(Role.TOOLING)
    assert counts(Role.LOAD_CRITICAL)
    assert counts(Role.INCIDENTAL) is (policy in ("all", "strict"))
