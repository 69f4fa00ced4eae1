"""The credentials for image registries that people have already: those of `docker login` and `podman login`."""

import json
import os
import subprocess
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modelreg.errors import AccessDeniedError, UsageError
from modelreg.image.reference import DOCKER_HUB, ImageReference

HELPER_TIMEOUT = 60
"""Seconds that a credential helper has to answer; some ask a person."""

_HUB_KEY = "https://index.docker.io/v1/"
_ANONYMOUS = ("credentials not found", "no credentials", "missing required attributes")


class Credentials(NamedTuple):
    """A user name and a password, or, where `is_token` says so, a token that is exchanged for others."""

    username: str
    secret: str
    is_token: bool = False


def credentials_for(image: ImageReference) -> Credentials | None:
    """Return the credentials for an image's registry, or None where there are none.

    Looked for in `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`, then where Podman keeps its own. As with
    Docker, a helper for the host comes first (`credHelpers`), then the general one (`credsStore`), then `auths`.

    Raises:
        UsageError: a configuration cannot be read.
        AccessDeniedError: a credential helper fails.
    """
    for path in _files():
        config = _read(path)
        found = _of_helper(config, image) or _written(config, image, path)
        if found is not None:
            return found
    return None


def _files() -> Iterator[Path]:
    docker = os.environ.get("DOCKER_CONFIG")
    yield Path(docker, "config.json") if docker else Path.home() / ".docker" / "config.json"
    if os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(os.environ["REGISTRY_AUTH_FILE"])
    if os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(os.environ["XDG_RUNTIME_DIR"], "containers", "auth.json")
    yield Path.home() / ".config" / "containers" / "auth.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; see that you may read it") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is no valid JSON; correct it, or log in again") from None
    return config if isinstance(config, dict) else {}


def _of_helper(config: Mapping[str, Any], image: ImageReference) -> Credentials | None:
    helpers = config.get("credHelpers")
    named = helpers.get(image.host) if isinstance(helpers, dict) else None
    name = named or config.get("credsStore")
    if not isinstance(name, str) or not name:
        return None
    if os.sep in name or "/" in name:
        raise UsageError(f"{name!r} is no name of a credential helper; correct Docker's config.json")
    command = f"docker-credential-{name}"
    server = _HUB_KEY if image.host == DOCKER_HUB else image.host
    try:
        done = subprocess.run(  # noqa: S603  # the helper that the user's own configuration names
            [command, "get"], input=server.encode(), capture_output=True, timeout=HELPER_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise AccessDeniedError(f"{command} did not answer within {HELPER_TIMEOUT} s; log in again") from None
    except OSError as error:
        raise AccessDeniedError(
            f"{command}, which Docker's config.json names for {image.host}, cannot be run: {error.strerror}; "
            "install it, or log in again"
        ) from None
    said = done.stdout.decode("utf-8", "replace").strip() or done.stderr.decode("utf-8", "replace").strip()
    if done.returncode != 0:
        if any(words in said for words in _ANONYMOUS):
            return None
        raise AccessDeniedError(f"{command} has no credentials for {image.host}: {said[:200]}; log in again")
    try:
        answer = json.loads(said)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, LookupError, TypeError):
        raise AccessDeniedError(f"{command} answered with no credentials for {image.host}; log in again") from None
    return Credentials(username, secret, username == "<token>")


def _written(config: Mapping[str, Any], image: ImageReference, path: Path) -> Credentials | None:
    auths = config.get("auths")
    name = f"{image.host}/{image.repository}/"
    entries = auths.items() if isinstance(auths, dict) else ()
    fitting = {key: entry for key, entry in entries if entry and name.startswith(f"{_host_of(key)}/")}
    if not fitting:
        return None
    entry = fitting[max(fitting, key=lambda key: len(_host_of(key)))]
    try:
        if entry.get("identitytoken"):
            return Credentials("<token>", str(entry["identitytoken"]), is_token=True)
        if entry.get("auth"):
            username, _, secret = b64decode(entry["auth"], validate=True).decode().partition(":")
            return Credentials(username, secret.rstrip("\0"))
        if entry.get("username"):
            return Credentials(str(entry["username"]), str(entry.get("password", "")))
    except (ValueError, TypeError, AttributeError):
        raise UsageError(f"{path}: what it holds for {image.host} cannot be read; log in again") from None
    return None


def _host_of(key: str) -> str:
    """Return what a key of `auths` stands for: a host, or a host and a part of its repositories (Podman)."""
    place = key.partition("://")[2] or key
    for suffix in ("/v1/", "/v1", "/v2/", "/v2", "/"):
        place = place.removesuffix(suffix)
    host, slash, rest = place.partition("/")
    return f"{DOCKER_HUB if host == 'index.docker.io' else host}{slash}{rest}"
