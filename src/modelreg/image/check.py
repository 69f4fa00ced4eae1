"""Check, while an image is built, that a stage has the environment of the model's manifest.

It runs in the image, beside a copy of the probe, with CPython 3.8 or later and nothing installed: `check.py
EXPECTED.json`. It says every difference, and ends with 3 where there is one that matters.
"""

import json
import sys


def differences(expected, found):
    """Return what is wrong, and what is only worth knowing, each as sentences.

    found: what the probe says, with the record digests.
    """
    wrong: "list[str]" = []
    told: "list[str]" = []
    installed: "dict[str, dict[str, str]]" = {}
    for name in ("implementation", "python"):
        if found[name] != expected[name]:
            # As in verify-env: another patch level is worth knowing, another language is wrong.
            same_language = name == "python" and _minor(found[name]) == _minor(expected[name])
            (told if same_language else wrong).append(f"{name} is {found[name]}; the model wants {expected[name]}")
    for distribution in found["distributions"]:
        if distribution.get("name") and distribution.get("version"):
            installed.setdefault(_normalized(distribution["name"]), distribution)
    for name, wanted in sorted(expected["packages"].items()):
        there = installed.get(name)
        if there is None:
            wrong.append(f"{name} is not installed; the model wants {wanted['version']}")
        elif wanted["version"] and there["version"] != wanted["version"]:
            wrong.append(f"{name} is {there['version']}; the model wants {wanted['version']}")
        elif wanted.get("record") and there.get("record") and there["record"] != wanted["record"]:
            told.append(f"{name} {there['version']} is another build than the one that was registered")
    return wrong, told


def _minor(version):
    return version.split(".")[:2]


def _normalized(name):
    for separator in "_.":
        name = name.replace(separator, "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name.lower()


def main(path):
    """Compare, and say what differs; return the exit code."""
    import probe  # the copy beside this

    with open(path, encoding="utf-8") as file:
        expected = json.load(file)
    wrong, told = differences(expected, probe.facts(sys.path[1:], whole=True))
    where = f"the stage {expected['stage']}"
    for sentence in told:
        print(f"modelreg: {where}: {sentence}")
    for sentence in wrong:
        print(f"modelreg: {where} does not fit: {sentence}")
    if not wrong:
        count = len(expected["packages"])
        print(f"modelreg: {where} fits: Python and {count} package{'' if count == 1 else 's'} were compared")
    return 3 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
