"""What packages need in turn, by recorded requirements, for the recorded environment."""

from importlib.metadata import distributions

import pytest
from packaging.requirements import Requirement

from modelreg import Environment, Package, Platform, Python
from modelreg.environment.closure import Closure, Edges, Wanted
from modelreg.environment.record import normalized

LINUX = Platform("linux", "x86_64", "glibc", "2.36")
WINDOWS = Platform("windows", "amd64")
CPYTHON = Python("3.11.7", "cpython")


def environment(
    requires: dict[str, tuple[str, ...] | None], python: Python = CPYTHON, platform: Platform = LINUX
) -> Environment:
    return Environment(python, platform, tuple(Package(name, "1", requires=lines) for name, lines in requires.items()))


def closure(requires: dict[str, tuple[str, ...] | None], *roots: str, **where: object) -> Closure:
    return Edges(environment(requires, **where)).closure(map(Wanted, roots))  # type: ignore[arg-type]


def test_what_is_needed_is_followed_and_circles_end() -> None:
    found = closure({"a": ("B>=1",), "b": ("c (>1)", "a"), "c": (), "d": ("a",)}, "a")
    assert found == Closure(frozenset("abc"), frozenset(), frozenset())
    assert found.complete


def test_what_is_not_installed_is_named_and_what_says_nothing_makes_it_incomplete() -> None:
    found = closure({"a": ("b", "gone>=2"), "b": None}, "a")
    assert found == Closure(frozenset("ab"), frozenset({"gone"}), frozenset("b"))
    assert not found.complete


def test_a_line_that_is_no_requirement_makes_it_incomplete() -> None:
    assert closure({"a": ("???", "b"), "b": ()}, "a") == Closure(frozenset("ab"), frozenset(), frozenset("a"))


def test_extras_are_followed_only_where_they_are_asked_for() -> None:
    requires: dict[str, tuple[str, ...] | None] = {
        "client": ("requests[SOCKS,use_chardet]>=2",),
        "requests": (
            "urllib3",
            'PySocks!=1.5.7,>=1.5.6; extra == "socks"',
            'chardet; python_version >= "3" and extra == "use-chardet"',
            "sphinx; extra == 'docs'",
        ),
        **dict.fromkeys(("urllib3", "pysocks", "chardet", "sphinx"), ()),
    }
    assert closure(requires, "client").packages == {"client", "requests", "urllib3", "pysocks", "chardet"}
    assert closure(requires, "requests").packages == {"requests", "urllib3"}
    edges = Edges(environment(requires))
    assert edges.extras_of("requests") == {"socks", "use-chardet", "docs"}
    assert edges.closure([Wanted("requests", frozenset({"docs"}))]).packages == {"requests", "urllib3", "sphinx"}


def test_an_extra_may_stand_for_others_of_the_same_package() -> None:
    requires: dict[str, tuple[str, ...] | None] = {
        "a": ("a[s3,gcs]; extra == 'all'", "boto3; extra == 's3'", "google; extra == 'gcs'"),
        "boto3": (),
        "google": (),
    }
    assert Edges(environment(requires)).closure([Wanted("a", frozenset({"all"}))]).packages == {"a", "boto3", "google"}


MARKERS = {
    'python_version < "3.9"': (False, True),
    'python_full_version >= "3.11.7"': (True, False),
    'sys_platform == "win32"': (False, True),
    'platform_system == "Linux" and os_name == "posix"': (True, False),
    'platform_machine == "AMD64"': (False, True),
    'platform_machine == "x86_64"': (True, False),
    'implementation_name == "pypy"': (False, True),
    'platform_python_implementation == "CPython"': (True, False),
    'sys_platform == "win32" or extra == "x"': (False, True),
    '(extra == "x") or python_version > "3.10"': (True, False),
    "this is no marker": (True, True),
    'unheard_of == "1"': (True, True),
}


@pytest.mark.parametrize(("marker", "expected"), MARKERS.items(), ids=MARKERS)
def test_markers_are_judged_for_the_recorded_environment(marker: str, expected: tuple[bool, bool]) -> None:
    requires: dict[str, tuple[str, ...] | None] = {"a": (f"b>=1 ; {marker}", "c"), "b": (), "c": ()}
    on_linux = closure(requires, "a")
    on_windows = closure(requires, "a", python=Python("3.8.18", "pypy"), platform=WINDOWS)
    assert ("b" in on_linux.packages, "b" in on_windows.packages) == expected


def test_a_url_may_hold_a_semicolon() -> None:
    requires: dict[str, tuple[str, ...] | None] = {
        "a": ("b @ https://example.org/b;x.whl", "c @ https://example.org/c.whl ; extra == 'x'"),
        "b": (),
        "c": (),
    }
    assert closure(requires, "a").packages == {"a", "b"}


def _walked(root: str, requires: dict[str, list[str]]) -> set[str]:
    """Return the installed closure of a package, slowly: every requirement is parsed, by packaging alone."""
    reached: set[tuple[str, str]] = set()
    ahead = [(root, "")]
    while ahead:
        step = ahead.pop()
        if step in reached or step[0] not in requires:
            continue
        reached.add(step)
        for line in requires[step[0]]:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": step[1]}):
                ahead += [(normalized(needed.name), extra) for extra in ("", *map(normalized, needed.extras))]
    return {name for name, _ in reached}


def test_it_agrees_with_packaging_on_every_package_that_the_tests_themselves_run_with() -> None:
    from modelreg import capture, find_interpreter

    own = capture(find_interpreter()).environment
    requires: dict[str, list[str]] = {}
    for found in distributions():
        requires.setdefault(normalized(found.metadata["Name"]), found.metadata.get_all("Requires-Dist") or [])
    edges = Edges(own)
    walked = {name: _walked(name, requires) for name in requires}
    assert {name: edges.closure([Wanted(name)]).packages for name in requires} == walked
    assert max(map(len, walked.values())) > 5
