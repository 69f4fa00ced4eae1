"""Installing with pip, and asking it what its indexes serve. It is that of the interpreter that runs modelreg."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from modelreg.environment.record import Environment, Package, Platform, normalized
from modelreg.environment.wheel import wheel_record_digest
from modelreg.install.commands import requirements_file, run
from modelreg.install.served import Served, plain_url


class Pip:
    """pip, from 22.3 on. It reads its own settings: `PIP_INDEX_URL`, pip.conf."""

    name = "pip"

    def make(self, folder: Path, python: Path) -> None:
        """See `Installer.make`."""
        run([str(python), "-m", "venv", "--without-pip", str(folder)], "venv")

    def install(self, python: Path, requirements: Sequence[str]) -> None:
        """See `Installer.install`."""
        with requirements_file(requirements) as file:
            self._run("--python", str(python), "install", "--no-deps", "--no-compile", "-r", str(file))

    def served(self, requirements: Sequence[str], environment: Environment) -> list[Served]:
        """See `Installer.served`. Of each it tells the wheel that it would choose; of source alone it tells nothing."""
        with requirements_file(requirements) as file:
            report = file.parent / "report.json"
            self._run(
                *("install", "--dry-run", "--ignore-installed", "--no-deps", "--report", str(report), "-r", str(file)),
                *_target(environment),
                *("--target", str(file.parent / "target")),
            )
            installs = json.loads(report.read_text(encoding="utf-8"))["install"]
        found = []
        for item in installs:
            info = item["download_info"]
            sha256 = info.get("archive_info", {}).get("hashes", {}).get("sha256")
            url = plain_url(info["url"])
            if sha256 and url:
                found.append(Served(normalized(item["metadata"]["name"]), url, sha256))
        return found

    def record_digests(self, wheels: Iterable[Served], environment: Environment) -> dict[str, str]:
        """See `Installer.record_digests`."""
        with requirements_file([wheel.requirement for wheel in wheels]) as file:
            folder = file.parent / "wheels"
            self._run(
                "download", "--no-deps", "--require-hashes", "-d", str(folder), "-r", str(file), *_target(environment)
            )
            digests = {
                normalized(path.name.partition("-")[0]): wheel_record_digest(path) for path in folder.glob("*.whl")
            }
        return {name: digest for name, digest in digests.items() if digest is not None}

    def _run(self, *arguments: str) -> str:
        return run([sys.executable, "-m", "pip", "--quiet", *arguments], self.name)


def _target(environment: Environment) -> list[str]:
    """Return the options that make pip choose for an environment's Python and platform; pip then takes wheels alone."""
    python = environment.python
    implementation = {"cpython": "cp", "pypy": "pp"}.get(python.implementation, "py")
    digits = python.minor.replace(".", "")
    abis = {f"{implementation}{digits}", "abi3", "none", *_recorded(environment.packages, 1)}
    platforms = {*_recorded(environment.packages, 2), *_platforms(environment.platform)} - {"any"}
    options = ["--only-binary", ":all:", "--python-version", python.version, "--implementation", implementation]
    options += [word for abi in sorted(abis) for word in ("--abi", abi)]
    # pip prefers what is named first; any number of them may be named.
    return options + [word for platform in sorted(platforms, reverse=True) for word in ("--platform", platform)]


def _recorded(packages: Sequence[Package], part: int) -> set[str]:
    return {tag.split("-")[part] for package in packages for tag in package.tags or () if tag.count("-") == 2}  # noqa: PLR2004


def _platforms(platform: Platform) -> Iterator[str]:
    machine = platform.machine
    if platform.system == "windows":
        yield "win_amd64" if machine in ("amd64", "x86_64") else f"win_{machine}"
    elif platform.system == "darwin":
        yield from (f"macosx_{major}_0_{machine}" for major in range(11, 27))
        yield from (f"macosx_10_{minor}_{machine}" for minor in range(9, 17) if machine == "x86_64")
    elif platform.libc == "glibc":
        _, _, minor = (platform.libc_version or "2.17").partition(".")
        yield from (
            f"manylinux_2_{number}_{machine}" for number in range(5, int(minor) + 1 if minor.isdecimal() else 18)
        )
        yield from (f"{name}_{machine}" for name in ("manylinux1", "manylinux2010", "manylinux2014", "linux"))
    elif platform.libc == "musl":
        yield from (f"musllinux_1_{number}_{machine}" for number in range(1, 3))
