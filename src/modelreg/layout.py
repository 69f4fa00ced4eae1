"""Where everything lies in a registry: the keys of docs/format.md, and nothing else."""

import re
from datetime import UTC, datetime

MARKER = "modelreg.json"
MODELS = "models/"

_UPLOAD = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{32}", re.ASCII)
_NUMBERED = re.compile(r"([0-9]{8})\.json")


def model(name: str) -> str:
    """Return the prefix of everything a model has."""
    return f"{MODELS}{name}/"


def versions(name: str) -> str:
    """Return the prefix of a model's version records."""
    return f"{model(name)}versions/"


def version(name: str, number: int) -> str:
    """Return the key of a version record."""
    return f"{versions(name)}{number:08d}.json"


def trees(name: str, size: int) -> str:
    """Return the prefix of the tree records of a model whose files add up to `size` bytes."""
    return f"{model(name)}trees/{size}-"


def tree(name: str, size: int, sha256: str) -> str:
    """Return the key of a tree record."""
    return f"{trees(name, size)}{sha256}.json"


def environment(name: str, sha256: str) -> str:
    """Return the key of an environment record."""
    return f"{model(name)}environments/{sha256}.json"


def artifact(name: str, upload: str) -> str:
    """Return the prefix of the files of an upload."""
    return f"{artifacts(name)}{upload}/"


def aliases(name: str) -> str:
    """Return the prefix of a model's alias records."""
    return f"{model(name)}aliases/"


def alias(name: str, alias_name: str, move: int) -> str:
    """Return the key of one move of an alias."""
    return f"{aliases(name)}{alias_name}/{move:08d}.json"


def annotations(name: str) -> str:
    """Return the prefix of a model's annotation records."""
    return f"{model(name)}annotations/"


def annotation(name: str, number: int, fact: int) -> str:
    """Return the key of one fact added to a version."""
    return f"{annotations(name)}{number:08d}/{fact:08d}.json"


def artifacts(name: str) -> str:
    """Return the prefix of all uploads of a model."""
    return f"{model(name)}artifacts/"


def deletions(name: str) -> str:
    """Return the prefix of a model's deletion records."""
    return f"{model(name)}deletions/"


def deletion(name: str, number: int, step: int) -> str:
    """Return the key of one deletion record of a version."""
    return f"{deletions(name)}{number:08d}/{step:08d}.json"


def collections(name: str) -> str:
    """Return the prefix of a model's garbage collections."""
    return f"{model(name)}collections/"


def candidates(name: str, number: int) -> str:
    """Return the key of what a garbage collection looks at."""
    return f"{collections(name)}{number:08d}/candidates.json"


def plan(name: str, number: int) -> str:
    """Return the key of what a garbage collection deletes."""
    return f"{collections(name)}{number:08d}/plan.json"


def upload_id(start: datetime, op: str) -> str:
    """Return the name of an upload that began at `start` (UTC)."""
    return f"{start:%Y%m%dT%H%M%SZ}-{op}"


def upload_started(upload: str) -> datetime | None:
    """Return when an upload began (UTC), by its name; None where `upload` is no upload-id."""
    if _UPLOAD.fullmatch(upload) is None:
        return None
    return datetime.strptime(upload[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def number(file_name: str) -> int | None:
    """Return the number in `00000003.json`, or None where `file_name` is no numbered record."""
    match = _NUMBERED.fullmatch(file_name)
    return int(match[1]) if match else None
