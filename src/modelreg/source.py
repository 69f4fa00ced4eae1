"""The git work tree a model is registered from."""

import re
import subprocess
from pathlib import Path

from modelreg.environment.distribution import redacted
from modelreg.records import Source


def git_source(*folders: Path) -> Source | None:
    """Return the state of the first of `folders` that lies in a git work tree; None where none does, or git is missing.

    The remote is `origin`'s, without credentials; a remote on this machine is left out.
    """
    for folder in folders:
        status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
        if status is not None:
            break
    else:
        return None
    lines = status.splitlines()
    head = {line.split(" ", 2)[1]: line.split(" ", 2)[2] for line in lines if line.startswith("# branch.")}
    commit, branch = head.get("branch.oid", "(initial)"), head.get("branch.head", "(detached)")
    if commit == "(initial)":
        return None
    return Source(
        commit,
        None if branch == "(detached)" else branch,
        any(not line.startswith("#") for line in lines),
        _remote(folder),
    )


def is_as_in(folder: Path, commit: str) -> bool:
    """Tell whether the tracked files of a folder are as a commit has them, whatever is checked out there.

    False, too, where that is not known: git is missing, or has no such commit.
    """
    return _COMMIT.fullmatch(commit) is not None and _git(folder, "diff", "--quiet", commit, "--", ".") is not None


def _remote(folder: Path) -> str | None:
    url = (_git(folder, "config", "--get", "remote.origin.url") or "").strip()
    # git@host:path is SSH; a path of this machine, C:\path among them, means nothing elsewhere.
    return redacted(url) if "://" in url else url if _SCP_LIKE.fullmatch(url) else None


_COMMIT = re.compile(r"[0-9a-f]{40,64}")

# A host has two letters, unlike a drive; a second @ could only be somebody's password in the wrong place.
_SCP_LIKE = re.compile(r"(?:[^\s:/@]+@)?[A-Za-z0-9][A-Za-z0-9._-]+:[^\s:@?#][^\s@?#]*")


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), "--no-optional-locks", *arguments]
    try:
        answer = subprocess.run(  # noqa: S603  # a fixed command
            command, capture_output=True, timeout=30, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else None
