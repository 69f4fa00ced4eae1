"""The git work tree a model is registered from."""

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


def _remote(folder: Path) -> str | None:
    url = (_git(folder, "config", "--get", "remote.origin.url") or "").strip()
    if "://" not in url:
        user_and_host, colon, path = url.partition(":")
        # git@host:path is SSH; a path of this machine, C:\path among them, means nothing elsewhere.
        if not colon or "/" in user_and_host or len(user_and_host) == 1:
            return None
        return (
            f"{user_and_host.rpartition('@')[0].partition(':')[0] or 'git'}@{user_and_host.rpartition('@')[2]}:{path}"
        )
    return redacted(url)


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), "--no-optional-locks", *arguments]
    try:
        answer = subprocess.run(  # noqa: S603  # a fixed command
            command, capture_output=True, timeout=30, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else None
