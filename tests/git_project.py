"""A Python project in a git repository, which pip and uv install from a commit, from its folder, or as editable."""

import subprocess
from pathlib import Path

BACKEND = """
import base64, hashlib, os, zipfile
def _wheel(folder, path, text):
    name, info = "ours-1.0-py3-none-any.whl", "ours-1.0.dist-info"
    files = {
        path: text,
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: ours\\nVersion: 1.0\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = "".join(f"{file},sha256={_digest(text)},{len(text)}\\n" for file, text in files.items())
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        for file, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\\n"}.items():
            wheel.writestr(file, text)
    return name
def _digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
def build_wheel(folder, *_, **__):
    return _wheel(folder, "ours.py", open("ours.py").read())
def build_editable(folder, *_, **__):
    return _wheel(folder, "ours.pth", os.getcwd())
"""
PROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "ours"
version = "1.0"
"""


def make_project(folder: Path) -> Path:
    """Make the project `ours`, with a build backend of its own, in a git repository of two commits; return it."""
    folder.mkdir()
    for name, text in (("pyproject.toml", PROJECT), ("backend.py", BACKEND), ("ours.py", "ANSWER = 1\n")):
        folder.joinpath(name).write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    folder.joinpath("ours.py").write_text("ANSWER = 2\n")
    git(folder, "commit", "-qam", "two")
    return folder


def git(folder: Path, *arguments: str) -> str:
    """Run git there, and return what it prints."""
    author = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *author, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
