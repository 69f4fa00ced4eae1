"""Drift, case by case: real wheels in real environments that pip and uv made, registered, and verified elsewhere.

A case that fits though the target would serve something else is a defect of the first order; one that does not fit
though nobody would mind, of the second.
"""

from pathlib import Path

import pytest
from drift_places import ERROR, INFO, WARNING, Case, Found, Spoiled, Written, findings, verified, wheel

from modelreg import Registry

VERSION: Found = {"pkg": (ERROR, "version")}
MISSING: Found = {"pkg": (ERROR, "missing")}

SAME_VERSIONS = (
    *(("1.2", "1.2"), ("1.2", "1.2.0"), ("1.2.0", "1.2"), ("1.0rc1", "1.0rc1"), ("1.0rc1", "1.0.0rc1")),
    *(("1.0.post1", "1.0.post1"), ("1.0.dev3", "1.0.dev3"), ("1!2.0", "1!2.0"), ("1!2.0", "1!2.0.0")),
    *(("1.2+cpu", "1.2+cpu"), ("1.2+cu121", "1.2.0+cu121"), ("2024.1.1", "2024.1.1"), ("0", "0.0")),
    *(("1.0a1.post2", "1.0a1.post2"), ("1.0.post1.dev2", "1.0.post1.dev2"), ("1.2+abc.1", "1.2+abc.1")),
)
OTHER_VERSIONS = (
    *(("1.3.2", "1.4.2"), ("1.3.2", "1.3.3"), ("1.3.2", "1.3.1"), ("1.2", "1.20"), ("1.2", "1.2.1"), ("2.0", "1!2.0")),
    *(("1!2.0", "2!2.0"), ("1.2", "1.2+cpu"), ("1.2+cpu", "1.2"), ("1.2+cpu", "1.2+cu121"), ("1.2+cu118", "1.2+cu121")),
    *(
        ("1.0", "1.0.post1"),
        ("1.0.post1", "1.0"),
        ("1.0.post1", "1.0.post2"),
        ("1.0", "1.0.dev1"),
        ("1.0.dev1", "1.0.dev2"),
    ),
    *(("1.0rc1", "1.0"), ("1.0", "1.0rc1"), ("1.0rc1", "1.0rc2"), ("1.0a1", "1.0b1"), ("1.0b1", "1.0rc1")),
    *(("2024.1", "2024.10"), ("1.0a1", "1.0a1.dev1"), ("1.2+abc.1", "1.2+abc.2"), ("1.2+1", "1.2+2"), ("10.0", "1.0")),
    *(("1.0.post1", "1.0.post1.dev2"), ("0", "0.1")),
)
NAMES = (
    *("PkG", "pkg.Name", "pkg_name", "Pkg-Name", "pkg__name", "zope.interface", "PyYAML", "jupyter_core", "a", "x9"),
    "ruamel.yaml.clib",
)


def _versions() -> dict[str, Case]:
    same = {
        f"{one} is {other}": Case((wheel("pkg", one),), (wheel("pkg", other),), _rebuilt(one, other))
        for one, other in SAME_VERSIONS
    }
    others = {
        f"{one} is not {other}": Case((wheel("pkg", one),), (wheel("pkg", other),), VERSION)
        for one, other in OTHER_VERSIONS
    }
    return same | others


def _rebuilt(one: str, other: str) -> Found:
    """Return what is found of a version that is written differently: the files of its metadata have other names."""
    return {} if one == other else {"pkg": (WARNING, "rebuilt")}


def _names() -> dict[str, Case]:
    spelled = {f"{name} is itself": Case((wheel(name, "1.0"),), (wheel(name, "1.0"),)) for name in NAMES}
    return spelled | {
        "Scikit.Learn is scikit_learn": Case(
            (wheel("Scikit.Learn", "1.0", a="1"),), (wheel("scikit_learn", "1.0", a="1"),), {"scikit-learn": REBUILT}
        ),
        "PKG of another version is found": Case((wheel("PKG", "1.0"),), (wheel("pkg", "2.0"),), VERSION),
        "pkg-name is not pkgname": Case(
            (wheel("pkg-name", "1.0"),),
            (wheel("pkgname", "1.0"),),
            {"pkg-name": (ERROR, "missing"), "pkgname": (INFO, "extra")},
        ),
    }


REBUILT = (WARNING, "rebuilt")
CORE = wheel("core", "1.0", "below>=1", core__mod="class Thing: pass\n")
BELOW, ASIDE = wheel("below", "1.0"), wheel("aside", "1.0")
LOADS = ("core.mod:Thing",)
ALL = (CORE, BELOW, ASIDE)

ROLES = {
    "nothing differs": Case(ALL, ALL, {}, LOADS),
    "what the model imports is another version": Case(
        ALL, (wheel("core", "1.1", core__mod="class Thing: pass\n"), BELOW, ASIDE), {"core": (ERROR, "version")}, LOADS
    ),
    "what that needs is another version": Case(
        ALL, (CORE, wheel("below", "1.1"), ASIDE), {"below": (ERROR, "version")}, LOADS
    ),
    "what nobody needs is another version": Case(
        ALL, (CORE, BELOW, wheel("aside", "2")), {"aside": (WARNING, "version")}, LOADS
    ),
    "what the model imports is missing": Case(ALL, (BELOW, ASIDE), {"core": (ERROR, "missing")}, LOADS),
    "what that needs is missing": Case(ALL, (CORE, ASIDE), {"below": (ERROR, "missing")}, LOADS),
    "what nobody needs is missing": Case(ALL, (CORE, BELOW), {"aside": (INFO, "missing")}, LOADS),
    "a package more": Case(ALL, (*ALL, wheel("more", "1")), {"more": (INFO, "extra")}, LOADS),
    "everything is missing": Case(
        ALL,
        (),
        {"core": (ERROR, "missing"), "below": (ERROR, "missing"), "aside": (INFO, "missing")},
        LOADS,
    ),
    "nothing is known of the model, so every pin counts": Case(
        ALL, (CORE, BELOW, wheel("aside", "2")), {"aside": (ERROR, "version")}
    ),
    "a module of nobody may need anything, so every pin counts": Case(
        ALL,
        (CORE, BELOW, wheel("aside", "2")),
        {"aside": (ERROR, "version"), "nowhere": (WARNING, "code")},
        (*LOADS, "nowhere:Thing"),
    ),
    "a function of the script may need anything, so every pin counts": Case(
        ALL,
        (CORE, BELOW, wheel("aside", "2")),
        {"aside": (ERROR, "version"), "__main__": (WARNING, "code")},
        (*LOADS, "__main__:feature"),
    ),
    "modules of Python's own need nothing": Case(
        ALL, (CORE, BELOW), {"aside": (INFO, "missing")}, (*LOADS, "collections:OrderedDict", "builtins:list")
    ),
    "the target was made by pip": Case(ALL, ALL, {}, LOADS, pip=True),
    "another version that pip installed": Case(
        ALL, (CORE, wheel("below", "1.0.1"), ASIDE), {"below": (ERROR, "version")}, LOADS, pip=True
    ),
    "a local label that pip installed": Case(
        (wheel("pkg", "1.2+cpu"),), (wheel("pkg", "1.2+cu121"),), VERSION, pip=True
    ),
    "a pre-release that pip installed": Case((wheel("pkg", "1.0"),), (wheel("pkg", "1.0rc1"),), VERSION, pip=True),
    "names that pip installed": Case((wheel("Pkg.Name", "1"),), (wheel("Pkg.Name", "1"),), pip=True),
}


def _closure(requirement: str, counts: bool) -> Case:
    """Return a case in which what may be needed, `far`, is another version."""
    core = wheel("core", "1.0", requirement, core__mod="class Thing: pass\n")
    weight = ERROR if counts else WARNING
    far, other = wheel("far", "1.0"), wheel("far", "2.0")
    return Case((core, far), (core, other), {"far": (weight, "version")}, LOADS)


CLOSURES = {
    "a plain requirement": _closure("far", True),
    "a bound": _closure("far>=0.5,<3", True),
    "another spelling": _closure("FAR (>=0.5)", True),
    "a marker that holds": _closure("far ; python_version >= '3.8'", True),
    "a marker that does not": _closure("far ; python_version < '3.8'", False),
    "a marker of this system": _closure("far ; sys_platform == 'linux'", True),
    "a marker of another system": _closure("far ; sys_platform == 'win32'", False),
    "a marker of an implementation": _closure("far ; implementation_name == 'cpython'", True),
    "a marker of another implementation": _closure("far ; platform_python_implementation == 'PyPy'", False),
    "two markers, one of which holds": _closure("far ; sys_platform == 'win32' or os_name == 'posix'", True),
    "two markers that should both hold": _closure("far ; sys_platform == 'win32' and os_name == 'posix'", False),
    "an extra that nobody asks for": _closure("far ; extra == 'more'", False),
    "a marker of the machine": _closure("far ; platform_machine != 'nothing'", True),
    "a marker of the patch level": _closure("far ; python_full_version > '3.8.1'", True),
}
MIDDLE = wheel("middle", "1.0", "far ; extra == 'more'", "core")
ASKS = wheel("core", "1.0", "middle[more]", core__mod="class Thing: pass\n")
CLOSURES |= {
    "an extra that is asked for, in a circle": Case(
        (ASKS, MIDDLE, wheel("far", "1.0")),
        (ASKS, MIDDLE, wheel("far", "2.0")),
        {"far": (ERROR, "version")},
        LOADS,
    ),
    "what it needs was not there in training either": Case(
        (wheel("core", "1.0", "gone", core__mod="1"),), (), {"core": (ERROR, "missing")}, LOADS
    ),
}

ONE = wheel("shared-one", "1.0", shared__one__mod="class Thing: pass\n")
TWO = wheel("shared-two", "1.0", shared__two__mod="class Thing: pass\n")
NAMESPACES = {
    "of a namespace only what is imported counts": Case(
        (ONE, TWO),
        (ONE, wheel("shared-two", "2.0", shared__two__mod="class Thing: pass\n")),
        {"shared-two": (WARNING, "version")},
        ("shared.one.mod:Thing",),
    ),
    "of a namespace what is imported counts": Case(
        (ONE, TWO),
        (wheel("shared-one", "2.0", shared__one__mod="class Thing: pass\n"), TWO),
        {"shared-one": (ERROR, "version")},
        ("shared.one.mod:Thing",),
    ),
    "both parts of a namespace": Case(
        (ONE, TWO),
        (),
        {"shared-one": (ERROR, "missing"), "shared-two": (ERROR, "missing")},
        ("shared.one.mod:Thing", "shared.two.mod:Thing"),
    ),
    "a module is not its package's name": Case(
        (wheel("dist-name", "1.0", module_name="class Thing: pass\n"), ASIDE),
        (wheel("dist-name", "1.1", module_name="class Thing: pass\n"), ASIDE),
        {"dist-name": (ERROR, "version")},
        ("module_name:Thing",),
    ),
}

HYPEROPT, FASTAPI = wheel("hyperopt", "1.0"), wheel("fastapi", "1.0")
TRAINED = (*ALL, HYPEROPT)
REQUIRES = b"Requires-Dist: clicky\nRequires-Dist: shared\n\n"
TOOL = (
    Written("modelreg", "0.1.0", metadata=b"Metadata-Version: 2.1\nName: modelreg\nVersion: 0.1.0\n" + REQUIRES),
    wheel("clicky", "1"),
    Spoiled("clicky-1.dist-info/REQUESTED"),  # nobody asked for it
)
BOTH = (("train", "core, hyperopt"), ("serve", "core, fastapi==1.0"))
GROUPS = {
    "serving has what it declared and not what training did": Case(
        TRAINED, (CORE, BELOW, FASTAPI), {"hyperopt": (INFO, "missing"), "aside": (INFO, "missing")}, LOADS, BOTH
    ),
    "serving lacks what it declared": Case(
        TRAINED,
        (CORE, BELOW),
        {"fastapi": (ERROR, "missing"), "hyperopt": (INFO, "missing"), "aside": (INFO, "missing")},
        LOADS,
        BOTH,
    ),
    "serving has another version of what it declared": Case(
        TRAINED,
        (*ALL, wheel("fastapi", "1.1")),
        {"fastapi": (ERROR, "version"), "hyperopt": (INFO, "missing")},
        LOADS,
        BOTH,
    ),
    "training needs its own": Case(TRAINED, ALL, {"hyperopt": (ERROR, "missing")}, LOADS, BOTH, "train"),
    "training does without serving's": Case(TRAINED, TRAINED, {}, LOADS, BOTH, "train"),
    "another version of what only training needs": Case(
        TRAINED, (*ALL, wheel("hyperopt", "2"), FASTAPI), {"hyperopt": (INFO, "version")}, LOADS, BOTH
    ),
    "base is needed by both": Case(
        TRAINED, (CORE, wheel("below", "2"), ASIDE, HYPEROPT), {"below": (ERROR, "version")}, LOADS, BOTH, "train"
    ),
    "what is known of the imports counts, though not all of them are": Case(
        ALL,
        (CORE, wheel("below", "2"), FASTAPI),
        {"below": (ERROR, "version"), "aside": (INFO, "missing"), "__main__": (WARNING, "code")},
        (*LOADS, "__main__:feature"),
        (("serve", "fastapi==1.0"),),
    ),
    "groups decide where the imports are not known": Case(
        TRAINED,
        (CORE, wheel("below", "2"), FASTAPI),
        {"below": (ERROR, "version"), "aside": (INFO, "missing"), "hyperopt": (INFO, "missing")},
        (),
        BOTH,
    ),
    "the model's needs count whatever the group says": Case(
        TRAINED,
        (BELOW, ASIDE, HYPEROPT, FASTAPI),
        {"core": (ERROR, "missing")},
        LOADS,
        (("serve", "below, fastapi==1.0"),),
    ),
}

POLICIES = {
    "all: an incidental package": Case(
        ALL, (CORE, BELOW, wheel("aside", "2")), {"aside": (ERROR, "version")}, LOADS, policy="all"
    ),
    "all: a missing one": Case(ALL, (CORE, BELOW), {"aside": (ERROR, "missing")}, LOADS, policy="all"),
    "all: a package more": Case(ALL, (*ALL, HYPEROPT), {"hyperopt": (INFO, "extra")}, LOADS, policy="all"),
    "strict: a package more": Case(ALL, (*ALL, HYPEROPT), {"hyperopt": (ERROR, "extra")}, LOADS, policy="strict"),
    "strict: modelreg itself, with what it alone needs, and what else needs something": Case(
        ALL,
        (*ALL, *TOOL, wheel("shared", "1"), wheel("more", "1", "shared")),
        {"more": (ERROR, "extra"), "shared": (ERROR, "extra")},
        LOADS,
        policy="strict",
    ),
    "strict: another build": Case(
        ALL, (CORE, wheel("below", "1.0", build="mine"), ASIDE), {"below": (ERROR, "rebuilt")}, LOADS, policy="strict"
    ),
    "strict: another build of what nobody needs": Case(
        ALL, (CORE, BELOW, wheel("aside", "1.0", build="mine")), {"aside": (ERROR, "rebuilt")}, LOADS, policy="strict"
    ),
    "compatible: the same series": Case(
        (wheel("pkg", "1.3.2"),), (wheel("pkg", "1.3.9"),), {"pkg": (WARNING, "version")}, policy="compatible:pkg"
    ),
    "compatible: an older one of the series": Case(
        (wheel("pkg", "1.3.2"),), (wheel("pkg", "1.3.1"),), VERSION, policy="compatible:pkg"
    ),
    "compatible: the next series": Case(
        (wheel("pkg", "1.3.2"),), (wheel("pkg", "1.4.0"),), VERSION, policy="compatible:pkg"
    ),
    "compatible: a package that is not named": Case(
        (wheel("pkg", "1.3.2"),), (wheel("pkg", "1.3.9"),), VERSION, policy="compatible:other"
    ),
}

CASES = _versions() | _names() | ROLES | CLOSURES | NAMESPACES | GROUPS | POLICIES


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_differs_is_found_and_nothing_else(case: Case, beside: Registry, tmp_path: Path) -> None:
    report = verified(case, beside, tmp_path)
    assert findings(report) == case.found
    assert report.fits is case.fits
