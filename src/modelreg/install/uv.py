"""Installing with uv, and asking it what its indexes serve."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from modelreg.environment.probe import record_digest
from modelreg.environment.record import Environment, Platform, normalized
from modelreg.install.commands import requirements_file, run
from modelreg.install.served import Served, plain_url

_OLDEST, _NEWEST = 28, 40
"""The minor versions of glibc 2 between which uv names platforms; older ones fit all that 2.17 does."""


class Uv:
    """uv. It reads its own settings: `UV_INDEX`, uv.toml, the project's pyproject.toml."""

    name = "uv"

    def __init__(self, program: Path) -> None:
        self._program = str(program)

    def make(self, folder: Path, python: Path) -> None:
        """See `Installer.make`."""
        self._run("venv", "--no-project", "--allow-existing", "--python", str(python), str(folder))

    def install(self, python: Path, requirements: Sequence[str]) -> None:
        """See `Installer.install`."""
        with requirements_file(requirements) as file:
            self._run("pip", "install", "--no-deps", "--python", str(python), "-r", str(file))

    def served(self, requirements: Sequence[str], environment: Environment) -> list[Served]:
        """See `Installer.served`. It tells of every file that fits Python and platform, and of source archives."""
        import tomllib

        with requirements_file(requirements) as file:
            lock = self._run(
                *("pip", "compile", str(file), "--no-deps", "--no-header", "--format", "pylock.toml"),
                *_target(environment),
            )
        found = []
        for package in tomllib.loads(lock).get("packages", ()):
            archives = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
            archives += [package["archive"]] if "archive" in package else []
            found += [served for archive in archives if (served := _served(package["name"], archive)) is not None]
        return found

    def record_digests(self, wheels: Iterable[Served], environment: Environment) -> dict[str, str]:
        """See `Installer.record_digests`. uv downloads nothing alone, so it installs into a folder that goes again."""
        with requirements_file([wheel.requirement for wheel in wheels]) as file:
            prefix = file.parent / "prefix"
            self._run(
                *("pip", "install", "--prefix", str(prefix), "--no-deps", "--require-hashes"),
                *("--only-binary", ":all:", "-r", str(file), *_target(environment)),
            )
            found = {}
            for record in prefix.rglob("*.dist-info/RECORD"):
                # Packages such as setuptools carry the metadata of others within them.
                ours = record.parent.parent.name in ("site-packages", "dist-packages")
                digest = record_digest(record.read_bytes()) if ours else None
                if digest is not None:
                    found[normalized(record.parent.name.partition("-")[0])] = digest
            return found

    def find_python(self, version: str) -> Path | None:
        """Return an interpreter of this version that uv knows of on this machine, or None."""
        from modelreg.errors import ModelregError

        try:
            return Path(self._run("python", "find", "--no-python-downloads", "--no-project", version).strip())
        except ModelregError:
            return None

    def fetch_python(self, version: str) -> Path | None:
        """Let uv download an interpreter of this version, if it can and may; None where not."""
        from modelreg.errors import ModelregError

        try:
            self._run("python", "install", version)
        except ModelregError:
            return None
        return self.find_python(version)

    def _run(self, *arguments: str) -> str:
        return run([self._program, "--quiet", *arguments], self.name)


def _served(name: str, archive: Mapping[str, object]) -> Served | None:
    url, hashes, size = archive.get("url"), archive.get("hashes"), archive.get("size")
    if not isinstance(url, str):
        path = archive.get("path")
        url = Path(path).absolute().as_uri() if isinstance(path, str) else None
    plain = plain_url(url) if url else None
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    if plain is None or not isinstance(sha256, str):
        return None
    return Served(normalized(name), plain, sha256, size if isinstance(size, int) else None)


def _target(environment: Environment) -> tuple[str, ...]:
    platform = _platform(environment.platform)
    return ("--python-version", environment.python.version, *(("--python-platform", platform) if platform else ()))


def _platform(platform: Platform) -> str | None:
    """Return what uv calls a platform; None where it has no name for it, and takes its own."""
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine, platform.machine)
    if machine not in ("x86_64", "aarch64"):
        return None
    if platform.system == "linux" and platform.libc == "glibc":
        _, _, minor = (platform.libc_version or "2.17").partition(".")
        number = int(minor) if minor.isdecimal() else 17
        near = {29: 28, 30: 28}.get(number, number)
        return f"{machine}-manylinux_2_{min(near, _NEWEST) if near >= _OLDEST else 17}"
    suffix = {"darwin": "apple-darwin", "windows": "pc-windows-msvc", "linux": "unknown-linux-musl"}
    return f"{machine}-{suffix[platform.system]}" if platform.system in suffix else None
