"""What git says of the work tree a model is registered from."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from modelreg.records import Source
from modelreg.source import git_source

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not on the PATH")


class Repository:
    """A git repository with one commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        self.commit("train.py", "print(1)\n")

    def git(self, *arguments: str) -> str:
        names = {"GIT_AUTHOR_NAME": "Anna", "GIT_AUTHOR_EMAIL": "anna@example.com", "GIT_CONFIG_GLOBAL": os.devnull}
        names |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in names.items()}
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **names},
        )
        return done.stdout.strip()

    def commit(self, file: str, text: str) -> None:
        self.folder.joinpath(file).write_text(text)
        self.git("add", "--", file)
        self.git("commit", "-q", "-m", f"Add {file}")

    @property
    def source(self) -> Source | None:
        return git_source(self.folder)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def test_a_clean_work_tree_has_a_commit_and_a_branch(repository: Repository) -> None:
    head = repository.git("rev-parse", "HEAD")
    assert repository.source == Source(head, "main", dirty=False, remote=None)


def test_a_folder_within_the_work_tree_is_in_it(repository: Repository) -> None:
    below = repository.folder / "models" / "fraud"
    below.mkdir(parents=True)
    assert git_source(below) == repository.source


@pytest.mark.parametrize("branch", ["feature/größe", "a#b", "x.y-z", "(odd)"])
def test_a_branch_keeps_its_name(branch: str, repository: Repository) -> None:
    repository.git("switch", "-q", "-c", branch)
    assert repository.source is not None
    assert repository.source.branch == branch


def test_a_detached_head_has_no_branch(repository: Repository) -> None:
    repository.git("switch", "-q", "--detach")
    assert repository.source == Source(repository.git("rev-parse", "HEAD"), None, dirty=False, remote=None)


def change(repository: Repository) -> None:
    repository.folder.joinpath("train.py").write_text("print(2)\n")


def stage(repository: Repository) -> None:
    change(repository)
    repository.git("add", "train.py")


def add_a_new_file(repository: Repository) -> None:
    repository.folder.joinpath("new.py").write_text("")
    repository.git("add", "new.py")


def remove(repository: Repository) -> None:
    repository.folder.joinpath("train.py").unlink()


def rename(repository: Repository) -> None:
    repository.git("mv", "train.py", "fit.py")


def conflict(repository: Repository) -> None:
    repository.git("switch", "-q", "-c", "other")
    repository.commit("train.py", "print('other')\n")
    repository.git("switch", "-q", "main")
    repository.commit("train.py", "print('main')\n")
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("merge", "-q", "other")


@pytest.mark.parametrize("how", [change, stage, add_a_new_file, remove, rename, conflict], ids=lambda how: how.__name__)
def test_a_tracked_file_that_differs_makes_it_dirty(how: Callable[[Repository], None], repository: Repository) -> None:
    how(repository)
    assert repository.source is not None
    assert repository.source.dirty is True


def test_an_untracked_file_alone_does_not_make_it_dirty(repository: Repository) -> None:
    repository.folder.joinpath("model.pkl").write_bytes(b"bytes")
    assert repository.source is not None
    assert repository.source.dirty is False


def test_what_the_user_set_up_for_git_status_changes_nothing(repository: Repository) -> None:
    change(repository)
    repository.git("stash")
    for name, value in (("status.showStash", "true"), ("status.branch", "true"), ("color.status", "always")):
        repository.git("config", name, value)
    repository.folder.joinpath("untracked").write_text("")
    assert repository.source == Source(repository.git("rev-parse", "HEAD"), "main", dirty=False, remote=None)


def test_looking_does_not_write_the_index(repository: Repository) -> None:
    index = repository.folder / ".git" / "index"
    os.utime(repository.folder / "train.py", (1, 1))
    before = index.read_bytes()
    assert repository.source is not None
    assert index.read_bytes() == before


def test_before_the_first_commit_there_is_no_source(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "new")], check=True)
    assert git_source(tmp_path / "new") is None


def test_outside_of_a_work_tree_there_is_no_source(tmp_path: Path) -> None:
    assert git_source(tmp_path / "work", tmp_path / "does" / "not" / "exist") is None


def test_without_git_there_is_no_source(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.folder))
    assert repository.source is None


def test_the_first_folder_that_lies_in_a_work_tree_counts(repository: Repository, tmp_path: Path) -> None:
    other = Repository(tmp_path / "other")
    other.commit("more.py", "")
    assert git_source(tmp_path / "work", other.folder, repository.folder) == other.source
    assert other.source != repository.source


REMOTES = {
    "https://host/team/repo.git": "https://host/team/repo.git",
    "https://anna:s3cret@host/team/repo.git": "https://host/team/repo.git",
    "https://s3cret@host/team/repo.git": "https://host/team/repo.git",
    "https://host/team/repo.git?token=s3cret#s3cret": "https://host/team/repo.git",
    "ssh://git@host:2222/team/repo.git": "ssh://git@host:2222/team/repo.git",
    "ssh://git:s3cret@host/team/repo.git": "ssh://git@host/team/repo.git",
    "git@host.example:team/repo.git": "git@host.example:team/repo.git",
    "host-alias:team/repo.git": "host-alias:team/repo.git",
    "anna:s3cret@host:team/repo.git": None,
    "git@host:team/repo.git?token=s3cret": None,
    "ext::sh -c s3cret": None,
    "/home/s3cret/repo.git": None,
    "../s3cret/repo.git": None,
    "./s3cret:repo": None,
    "C:\\s3cret\\repo": None,
    "C:/s3cret/repo": None,
    "file:///home/s3cret/repo.git": None,
    "codecommit::eu-west-1://s3cret@repo": None,
    "": None,
}


@pytest.mark.parametrize(("url", "remote"), REMOTES.items())
def test_the_remote_is_told_without_credentials_and_not_at_all_if_it_is_of_this_machine(
    url: str, remote: str | None, repository: Repository
) -> None:
    repository.git("config", "remote.origin.url", url)
    assert repository.source is not None
    assert repository.source.remote == remote
    assert "s3cret" not in repr(repository.source)


def test_only_origin_is_the_remote(repository: Repository) -> None:
    repository.git("remote", "add", "upstream", "https://host/upstream")
    assert repository.source is not None
    assert repository.source.remote is None
