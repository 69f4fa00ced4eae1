"""Where settings come from: the environment, the nearest pyproject.toml, the user's config file, and defaults."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelreg.errors import UsageError
from modelreg.sizes import parse_size

CACHE_SIZE = 20 * 10**9
"""Bytes of the cache where nothing else is set."""

_PROJECT_KEYS = ("registry", "name", "groups", "models", "exceptions")
"""What `[tool.modelreg]` may hold."""
_CI_ACTORS = ("MODELREG_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR", "CIRCLE_USERNAME")


def registry_url(explicit: str | None = None) -> str:
    """Return the registry to use.

    `explicit`, else MODELREG_REGISTRY, else `[tool.modelreg] registry` of the nearest pyproject.toml, else `registry`
    of the user's config file, else a folder in the user's data directory. A relative folder in a file is relative to
    that file.

    Raises:
        UsageError: a file that is read is no valid TOML.
    """
    url = explicit or os.environ.get("MODELREG_REGISTRY")
    if url:
        return url
    project = _nearest_project()
    if project is not None:
        url = _table(project).get("registry")
        if url:
            return _beside(project, _text(url, project, "registry"))
    config, settings = _user_config()
    url = settings.get("registry")
    if url:
        return _beside(config, _text(url, config, "registry"))
    # Imported here: a project or a variable usually says it all.
    import platformdirs

    return str(Path(platformdirs.user_data_dir("modelreg", appauthor=False), "registry"))


def bucket_settings(url: str, known: Mapping[str, type]) -> dict[str, Any]:
    """Return what the user's config file says of a bucket's registry, under `[registries."s3://bucket/folder"]`.

    What is said of a bucket, or of a folder above, counts for what lies in it. A project's file is not asked: whoever
    writes it could send one's credentials elsewhere.

    Raises:
        UsageError: something that is not in `known`, or not of that type.
    """
    config, settings = _user_config()
    registries = settings.get("registries", {})
    if not isinstance(registries, dict) or not all(isinstance(table, dict) for table in registries.values()):
        raise UsageError(f'{config}: registries holds tables, written [registries."s3://bucket/folder"]')
    above = [name for name in registries if f"{url}/".startswith(f"{name.rstrip('/')}/")]
    said = registries[max(above, key=len)] if above else {}
    for name, value in said.items():
        if name not in known:
            raise UsageError(f"{config}: {name} is no setting of {url}; there are {', '.join(known)}")
        if not isinstance(value, known[name]):
            raise UsageError(f"{config}: {name} of {url} must be {'true or false' if known[name] is bool else 'text'}")
    return dict(said)


def cache_folder() -> Path:
    """Return the folder for what can be made again.

    MODELREG_CACHE, else `cache` of the user's config file, else the folder that the system has for it.

    Raises:
        UsageError: the config file cannot be read.
    """
    folder = os.environ.get("MODELREG_CACHE") or _config_text("cache")
    if folder:
        return Path(folder).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("modelreg", appauthor=False))


def cache_size() -> int:
    """Return how many bytes of files the cache may hold: MODELREG_CACHE_SIZE, else `cache_size` of the user's config.

    Raises:
        UsageError: it is no size.
    """
    text = os.environ.get("MODELREG_CACHE_SIZE") or _config_text("cache_size")
    return CACHE_SIZE if text is None else parse_size(text)


def is_offline() -> bool:
    """Tell whether MODELREG_OFFLINE says that no registry in a bucket may be asked."""
    return os.environ.get("MODELREG_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")


def _config_text(name: str) -> str | None:
    config, settings = _user_config()
    return _text(settings[name], config, name) if name in settings else None


def _user_config() -> tuple[Path, dict[str, Any]]:
    """Return where the user's config file is, and what it says; nothing where there is none."""
    # Imported here: a project or a variable usually says it all.
    import platformdirs

    config = Path(platformdirs.user_config_dir("modelreg", appauthor=False), "config.toml")
    return config, _toml(config) if config.is_file() else {}


def model_name(path: Path) -> str:
    """Return the name under which `path` is registered when none is given.

    `[tool.modelreg] name` of the nearest pyproject.toml, else the file's stem or the folder's name.
    """
    project = _nearest_project()
    if project is not None and (name := _table(project).get("name")):
        return _text(name, project, "tool.modelreg.name")
    absolute = path.absolute()
    return absolute.name if absolute.is_dir() else absolute.stem


def project_models() -> dict[str, str]:
    """Return `[tool.modelreg.models]` of the nearest pyproject.toml: a version (`3`) or alias (`@production`) each."""
    project = _nearest_project()
    models = _table(project).get("models", {}) if project is not None else {}
    if not isinstance(models, dict) or not all(isinstance(value, str) for value in models.values()):
        raise UsageError(f'{project}: [tool.modelreg.models] holds lines such as fraud = "3" or fraud = "@production"')
    return models


def project_line(model: str) -> tuple[str, int] | None:
    """Return the nearest pyproject.toml, relative to the working directory, and the line that names a model there."""
    project = _nearest_project()
    if project is None:
        return None
    lines = project.read_text(encoding="utf-8").splitlines()
    section = next((number for number, line in enumerate(lines) if line.strip() == "[tool.modelreg.models]"), 0)
    named = re.compile(rf"\s*[\"']?{re.escape(model)}[\"']?\s*=")
    line = next((number for number in range(section, len(lines)) if named.match(lines[number])), section)
    return os.path.relpath(project), line + 1


def project_exceptions() -> Mapping[str, object]:
    """Return `[tool.modelreg.exceptions]` of the nearest pyproject.toml, as it stands there.

    Raises:
        UsageError: it is none, or the file sets something that is no setting: who wrote that wants another check.
    """
    project = _nearest_project()
    table = _table(project) if project is not None else {}
    for name in table:
        if name not in _PROJECT_KEYS:
            raise UsageError(
                f"{project}: {name} is no setting of [tool.modelreg]; there are {', '.join(_PROJECT_KEYS)}"
            )
    exceptions = table.get("exceptions", {})
    if not isinstance(exceptions, dict):
        raise UsageError(f"{project}: tool.modelreg.exceptions must be a table, written [tool.modelreg.exceptions]")
    return exceptions


def project_file() -> tuple[Path, Mapping[str, Any]] | None:
    """Return the nearest pyproject.toml, looking upwards from the working directory, and what it holds.

    Raises:
        UsageError: it is no valid TOML.
    """
    project = _nearest_project()
    return None if project is None else (project, _toml(project))


def actor() -> str:
    """Return who is at work: MODELREG_ACTOR, else the CI system's actor, else the login name."""
    name = next((os.environ[variable] for variable in _CI_ACTORS if os.environ.get(variable, "").strip()), None)
    if name is None:
        import getpass

        try:
            name = getpass.getuser()
        except (ImportError, KeyError, OSError):  # a container's user without a name; Windows without USERNAME
            name = f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    # A record holds Unicode, and a terminal would obey a control character.
    return "".join(character if character.isprintable() else "?" for character in name.strip())


def _nearest_project() -> Path | None:
    try:
        folder = Path.cwd()
        candidates = (parent / "pyproject.toml" for parent in (folder, *folder.parents))
        return next((path for path in candidates if path.is_file()), None)
    except OSError:  # the working directory was deleted, or a folder above it may not be looked into
        return None


def _table(project: Path) -> Mapping[str, Any]:
    text = _read(project)
    if "modelreg" not in text:  # to parse it would take longer than most of what is done with a registry
        return {}
    tools = _parsed(text, project).get("tool", {})
    table = tools.get("modelreg", {}) if isinstance(tools, dict) else None
    if not isinstance(table, dict):
        raise UsageError(f"{project}: tool.modelreg must be a table, written [tool.modelreg]")
    return table


def _toml(path: Path) -> dict[str, Any]:
    return _parsed(_read(path), path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; see that you may read it") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no valid TOML: {error}; correct it") from None


def _parsed(text: str, path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no valid TOML: {error}; correct it") from None


def _text(value: object, path: Path, name: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{path}: {name} must be a string")
    return value


def _beside(path: Path, url: str) -> str:
    # What begins with ~ is expanded by whoever opens it, like one that was typed.
    return url if "://" in url or url.startswith("~") else str(path.parent / url)
