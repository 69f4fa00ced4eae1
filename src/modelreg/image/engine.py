"""The engines that build and push images: docker, podman and buildah, as commands."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shutil import which
from typing import NamedTuple

from modelreg.errors import EnvironmentMismatchError, ImageBuildError, ImageRegistryError, NotFoundError, UsageError
from modelreg.image.reference import ImageReference

ENGINES = ("docker", "podman", "buildah")

_LAST = 20  # lines that an error looks at
_MISFIT = re.compile(r"modelreg: (the stage .* does not fit: .*)")
_NO_BUILDX = "the buildx component is missing"


class Engine(NamedTuple):
    """A command that builds images. name: which one of them it is."""

    name: str
    command: str

    def build(
        self,
        context: Path,
        target: str,
        tag: str,
        *,
        secrets: Mapping[str, Path] | None = None,
        plain_http: bool = False,
        options: Sequence[str] = (),
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Build a stage of the Dockerfile in a folder, and give it a name on this machine.

        secrets: files by id, for the build alone. options: what else the engine is told, such as `--network=host`.
        plain_http: the image registry that the base is from is on this machine, where docker takes it for granted.
        tell: is given each line that the engine prints.

        Raises:
            EnvironmentMismatchError: the check in the build found another environment than the manifest's.
            ImageBuildError: the build fails.
        """
        command = [self.command, "bud" if self.name == "buildah" else "build", "--target", target, "--tag", tag]
        for name, path in (secrets or {}).items():
            command += ["--secret", f"id={name},src={path.absolute()}"]
        command += ["--progress", "plain"] if self.name == "docker" else self._tls(plain_http=plain_http)
        code, said = _run([*command, *options, str(context)], tell)
        if code == 0:
            return
        misfit = next((found for line in said if (found := _MISFIT.search(line))), None)
        if misfit is not None:
            raise EnvironmentMismatchError(f"the image was not built: {misfit.group(1)}")
        if any(_NO_BUILDX in line for line in said):
            raise ImageBuildError(
                "docker cannot build in stages with secrets without its plugin buildx; install docker-buildx-plugin, "
                "or use --engine buildah"
            )
        raise ImageBuildError(f"{self.name} could not build {tag}: {_reason(said)}; correct it, and build again")

    def push(self, tag: str, *, plain_http: bool = False, tell: Callable[[str], None] = lambda _: None) -> str:
        """Push an image to the registry that its name names, and return the digest that the engine says it has there.

        Raises:
            ImageRegistryError: the image registry does not take it.
        """
        with tempfile.TemporaryDirectory(prefix="modelreg-") as folder:
            digest_file = Path(folder, "digest")
            noting = (
                [] if self.name == "docker" else ["--digestfile", str(digest_file), *self._tls(plain_http=plain_http)]
            )
            code, said = _run([self.command, "push", *noting, tag], tell)
            if code != 0:
                raise ImageRegistryError(f"{self.name} could not push {tag}: {_reason(said)}; log in, and push again")
            digest = digest_file.read_text(encoding="ascii").strip() if noting else self._pushed(tag)
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise ImageRegistryError(f"{self.name} does not say which digest {tag} has; push it again")
        return digest

    def _tls(self, *, plain_http: bool) -> list[str]:
        return ["--tls-verify=false"] if plain_http else []

    def _pushed(self, tag: str) -> str:
        """Return the digest that docker has noted for the registry it pushed to."""
        code, said = _run([self.command, "image", "inspect", "--format", "{{json .RepoDigests}}", tag], lambda _: None)
        try:
            noted = [ImageReference.parse(one) for one in json.loads(said[-1])] if code == 0 else []
        except (ValueError, LookupError, TypeError, UsageError):
            noted = []
        pushed = ImageReference.parse(tag)
        places = ((one.host, one.repository, one.digest or "") for one in noted)
        return next((digest for *place, digest in places if place == [pushed.host, pushed.repository]), "")


def find_engine(name: str | None = None) -> Engine:
    """Return the engine of this name; without one, the first that is installed.

    Raises:
        UsageError: there is no such engine.
        NotFoundError: it is not installed, or none is.
    """
    if name is not None and name not in ENGINES:
        raise UsageError(f"{name!r} is no engine that is known; there are {', '.join(ENGINES)}")
    for candidate in [name] if name else ENGINES:
        command = which(candidate)
        if command is not None:
            return Engine(candidate, command)
    raise NotFoundError(
        f"{name or 'no engine that builds images'} is {'not ' if name else ''}installed; install Docker "
        "(docs.docker.com/engine/install), Podman (podman.io) or Buildah (apt-get install buildah)"
    )


def _run(command: Sequence[str], tell: Callable[[str], None]) -> tuple[int, list[str]]:
    """Run an engine; return its exit code, and what it printed, of which each line is told as it comes."""
    environ = {**os.environ, "DOCKER_BUILDKIT": "1"}
    said = []
    try:
        with subprocess.Popen(  # noqa: S603  # the engine that was found
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process:
            assert process.stdout is not None  # noqa: S101  # it is a pipe
            for line in process.stdout:
                said.append(line.rstrip())
                tell(said[-1])
    except OSError as error:
        raise NotFoundError(f"{command[0]} cannot be run: {error.strerror}; see that it is installed") from None
    return process.returncode, said


def _reason(said: Sequence[str]) -> str:
    """Pick the line that tells most of what went wrong."""
    lines = [line for line in said[-_LAST:] if line.strip()]
    told = [line for line in lines if re.search(r"\b(error|denied|cannot|failed|refused)\b", line, re.IGNORECASE)]
    return (told or lines or ["it said nothing"])[-1].strip()[:300].rstrip(".")
