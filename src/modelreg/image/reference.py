"""References of images, with the defaults that Docker fills in: `team/fraud:3` is `docker.io/team/fraud:3`."""

import re
from typing import NamedTuple

from modelreg.digest import is_sha256
from modelreg.errors import UsageError

DOCKER_HUB = "docker.io"

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:\[[0-9A-Fa-f:]+\]|{_LABEL}(?:\.{_LABEL})*)(?::[0-9]+)?", re.ASCII)
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_LOCAL = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]", re.ASCII)
_MAX_NAME = 255
_SHOWN = 200  # characters of a reference that an error repeats


class ImageReference(NamedTuple):
    """An image in an image registry: `host` with its port, `repository`, and a tag, a digest (`sha256:…`) or both."""

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> "ImageReference":
        """Read a reference as the distribution project defines it; without tag and digest it means `latest`.

        Raises:
            UsageError: it is none.
        """
        name, at, digest = text.partition("@")
        if at and not (digest.startswith("sha256:") and is_sha256(digest.removeprefix("sha256:"))):
            raise _malformed(text, "after the @ comes sha256: and 64 hexadecimal digits, in lower case")
        name, tag = _without_tag(name)
        host, repository = _without_host(name)
        if _REPOSITORY.fullmatch(repository) is None or len(name) > _MAX_NAME:
            raise _malformed(text, "write it as registry/team/fraud:3, in lower case")
        if tag is not None and _TAG.fullmatch(tag) is None:
            raise _malformed(text, "a tag is up to 128 letters, digits, dots, dashes and underscores")
        return cls(host, repository, tag or (None if at else "latest"), digest or None)

    def __str__(self) -> str:
        """Return it in full: `docker.io/library/python:3.11@sha256:…`."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.host}/{self.repository}{tag}{f'@{self.digest}' if self.digest else ''}"

    @property
    def selector(self) -> str:
        """What asks the image registry for it: the digest, else the tag."""
        return self.digest or self.tag or "latest"

    @property
    def is_local(self) -> bool:
        """Whether the image registry is on this machine, where plain HTTP is usual."""
        return _LOCAL.fullmatch(self.host.rpartition(":")[0] if _has_port(self.host) else self.host) is not None

    def at(self, digest: str) -> "ImageReference":
        """Return the same image by digest."""
        return self._replace(digest=digest)


def _without_tag(name: str) -> tuple[str, str | None]:
    head, colon, tail = name.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (name, None)


def _without_host(name: str) -> tuple[str, str]:
    """Split off the host. What comes before the first `/` is one where it cannot be the name of a repository."""
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or first != first.lower() or not {".", ":"}.isdisjoint(first)):
        if _HOST.fullmatch(first) is None:
            return first, ""
        host, repository = first.lower(), rest
    else:
        host, repository = DOCKER_HUB, name
    if host in (DOCKER_HUB, "index.docker.io"):
        return DOCKER_HUB, repository if "/" in repository else f"library/{repository}"
    return host, repository


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdecimal() and not host.endswith("]")


def _malformed(text: str, rule: str) -> UsageError:
    return UsageError(f"{text[:_SHOWN]!r} names no image: {rule}")
