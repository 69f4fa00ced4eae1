"""Where a package came from, told without a secret and without a path of this machine."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelreg import Origin, Package
from modelreg.environment.distribution import read_distributions, redacted

SITE = "/home/anna/secret-project/.venv/lib/python3.11/site-packages"
COMMIT = "1f2e3d4c5b6a79881726354453627180f9e8d7c6"
HASH = "ab" * 32


def distribution(direct_url: object = None, **fields: object) -> dict[str, Any]:
    """Return what the probe tells of a package."""
    found = {"folder": SITE, "file": "pkg-1.0.dist-info", "name": "pkg", "version": "1.0", **fields}
    return found if direct_url is None else {**found, "direct_url": json.dumps(direct_url)}


def read(found: dict[str, Any]) -> tuple[Package, tuple[str, ...]]:
    made_sense_of = read_distributions([found])
    (package,) = made_sense_of.packages
    return package, made_sense_of.remarks


def test_a_package_of_debian_s_may_have_metadata_in_two_formats() -> None:
    """As python3-cryptography of Debian 12."""
    folder = "/usr/lib/python3/dist-packages"
    found = [distribution(folder=folder), distribution(folder=folder, file="pkg.egg-info")]
    debians = read_distributions(found)
    assert (len(debians.packages), debians.duplicates, debians.remarks) == (1, (), ())
    assert read_distributions([{**one, "folder": SITE} for one in found]).duplicates
    assert read_distributions([found[0], {**found[1], "version": "0.9"}]).duplicates


ORIGINS: dict[str, tuple[dict[str, Any], Origin | None]] = {
    "an index": (distribution(), None),
    "a commit": (
        distribution(
            {
                "url": "https://host/team/pkg.git",
                "vcs_info": {"vcs": "git", "commit_id": COMMIT, "requested_revision": "v1"},
                "subdirectory": "python",
            }
        ),
        Origin("vcs", "https://host/team/pkg.git", "git", COMMIT, "v1", "python"),
    ),
    "a commit by ssh": (
        distribution({"url": "ssh://git@host:2222/pkg.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}),
        Origin("vcs", "ssh://git@host:2222/pkg.git", "git", COMMIT),
    ),
    "a commit of a repository of this machine": (
        distribution({"url": "file:///home/anna/pkg", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}),
        Origin("vcs", None, "git", COMMIT),
    ),
    "an archive": (
        distribution(
            {"url": "https://host/pkg-1.0.whl", "archive_info": {"hashes": {"sha256": HASH, "md5": "0" * 32}}}
        ),
        Origin("archive", "https://host/pkg-1.0.whl", sha256=HASH),
    ),
    "an archive with a hash of the old style": (
        distribution({"url": "https://host/pkg-1.0.whl", "archive_info": {"hash": f"sha256={HASH}"}}),
        Origin("archive", "https://host/pkg-1.0.whl", sha256=HASH),
    ),
    "an archive with another hash": (
        distribution({"url": "https://host/pkg-1.0.whl", "archive_info": {"hash": "md5=" + "0" * 32}}),
        Origin("archive", "https://host/pkg-1.0.whl"),
    ),
    "an archive without a hash, as uv leaves it": (
        distribution({"url": "https://host/pkg.zip", "archive_info": {}, "subdirectory": "sub"}),
        Origin("archive", "https://host/pkg.zip", subdirectory="sub"),
    ),
    "a file of this machine": (
        distribution({"url": "file:///home/anna/pkg-1.0.whl", "archive_info": {"hashes": {"sha256": HASH}}}),
        Origin("archive", None, sha256=HASH),
    ),
    "a folder": (distribution({"url": "file:///home/anna/pkg", "dir_info": {}}), Origin("directory")),
    "an editable folder": (
        distribution({"url": "file:///home/anna/pkg", "dir_info": {"editable": True}}),
        Origin("editable"),
    ),
    "conda": (
        distribution({"url": "file:///croot/pkg_1/work", "dir_info": {}}, installer="conda"),
        Origin("conda"),
    ),
    "Debian": (distribution(folder="/usr/lib/python3/dist-packages"), Origin("distribution")),
    "pip on Debian": (distribution(folder="/usr/local/lib/python3.11/dist-packages"), None),
    "a folder called like Debian's": (distribution(folder="/home/anna/usr/lib/python3/dist-packages"), None),
    "Fedora": (distribution(folder="/usr/lib/python3.12/site-packages", installer="rpm"), Origin("distribution")),
    "uv": (distribution(installer="uv"), None),
}


@pytest.mark.parametrize(("found", "origin"), ORIGINS.values(), ids=ORIGINS)
def test_the_origin_is_what_the_installer_left_behind(found: dict[str, Any], origin: Origin | None) -> None:
    package, remarks = read(found)
    assert (package.origin, remarks) == (origin, ())
    assert "anna" not in repr(package)


def test_an_egg_link_makes_editable_what_lies_in_the_folder_it_names() -> None:
    link = {"folder": SITE, "file": "pkg.egg-link", "target": "/home/anna/pkg"}
    found = distribution(folder="/home/anna/pkg", file="pkg.egg-info")
    linked = read_distributions([link, found])
    assert (linked.packages, linked.remarks) == ((Package("pkg", "1.0", origin=Origin("editable")),), ())
    assert linked.editable == {"pkg": "/home/anna/pkg"}


DAMAGED = [
    "",
    "{",
    "null",
    "7",
    "[]",
    "{}",
    '{"url": 5, "dir_info": {}}',
    '{"url": null, "archive_info": {}}',
    '{"url": "https://host/x"}',
    '{"url": "https://host/x", "archive_info": null}',
    '{"url": "https://host/x", "archive_info": {"hashes": null}}',
    '{"url": "https://host/x", "archive_info": {"hashes": {"sha256": 5}}}',
    '{"url": "https://host/x", "dir_info": []}',
    '{"url": "https://host/x", "vcs_info": {"vcs": "git"}}',
    '{"url": "https://host/x", "vcs_info": {"vcs": "git", "commit_id": null}}',
    '{"url": "https://host/x", "vcs_info": {"vcs": "git", "commit_id": ["1f2e"]}}',
    '{"url": "https://host/x", "vcs_info": {"vcs": "git", "commit_id": "1f2e", "requested_revision": 1}}',
    '{"url": "https://host/x", "vcs_info": {"vcs": "git", "commit_id": "\\ud800"}}',
    '{"url": "https://host/x", "vcs_info": {"vcs": "git", "commit_id": "1f2e --index-url=https://evil"}}',
    '{"url": "https://host/x", "archive_info": {}, "subdirectory": "a\\nb"}',
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_direct_url_costs_a_remark_and_the_origin(text: str) -> None:
    package, remarks = read({**distribution(), "direct_url": text})
    assert package == Package("pkg", "1.0")
    assert remarks == ("the direct_url.json of pkg is damaged, so where it came from is unknown",)


REDACTED = {
    "https://host/a/b.git": "https://host/a/b.git",
    "https://anna:s3cret@host/a": "https://host/a",
    "https://s3cret@host/a": "https://host/a",
    "https://:s3cret@host/a": "https://host/a",
    "https://anna:s3%40cret@host:8443/a": "https://host:8443/a",
    "https://anna:s3@cret@host/a": "https://host/a",
    "https://${USER}:${TOKEN}@host/a": "https://host/a",
    "https://host/a?token=s3cret&x=1": "https://host/a",
    "https://host/a#sha256=s3cret": "https://host/a",
    "https://host/a?token=s3cret#egg=a": "https://host/a",
    "HTTPS://anna:s3cret@HOST/a": "https://host/a",
    "ssh://git@host/a": "ssh://git@host/a",
    "ssh://git:s3cret@host:22/a": "ssh://git@host:22/a",
    "git://s3cret@host/a": "git://host/a",
    "http://[::1]:8080/a": "http://[::1]:8080/a",
    "http://s3cret@[::1]/a": "http://[::1]/a",
    "https://host": "https://host",
    "https://host/../a": "https://host/../a",
    # On this machine, of another kind, or no URL at all.
    "file:///home/s3cret/a": None,
    "file://host/home/s3cret": None,
    "/home/s3cret/a": None,
    "C:\\Users\\s3cret": None,
    "C:/Users/s3cret": None,
    "s3://s3cret@bucket/a": None,
    "git+https://anna:s3cret@host/a": None,
    "https:///s3cret": None,
    "https://anna:s3cret/x@host/a": None,
    "https://[s3cret/a": None,
    "https://host:s3cret/a": None,
    "s3cret": None,
    "": None,
}


@pytest.mark.parametrize(("url", "shown"), REDACTED.items())
def test_a_url_is_kept_without_its_secrets(url: str, shown: str | None) -> None:
    assert redacted(url) == shown
    assert "s3" not in (shown or "")


# What urlsplit would not take for a part of the user or the password.
secrets = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=12, max_size=20).map(lambda s: f"S{s}")


@given(secrets, secrets, st.sampled_from(["https", "http", "ssh", "git", "ftp", "hg+https"]))
@example("S" * 13, "S" * 13, "https")
def test_no_password_query_or_fragment_gets_through(user: str, password: str, scheme: str) -> None:
    for url in (
        f"{scheme}://{user}:{password}@host/path",
        f"{scheme}://{user}:{password}@host:80/path?{password}#{password}",
        f"{scheme}://host/path?access={password}",
        f"{scheme}://host/path#{password}",
    ):
        shown = redacted(url) or ""
        assert password not in shown or password in user
        assert scheme == "ssh" or user not in shown


def test_a_secret_in_a_direct_url_reaches_no_record() -> None:
    for direct in (
        {"url": "https://anna:s3cret@host/a?s3cret", "archive_info": {}},
        {"url": "https://s3cret@host/a", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        {"url": "https://anna:s3cret/x@host/a", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        {"url": "file:///home/s3cret", "dir_info": {"editable": True}},
    ):
        package, remarks = read(distribution(direct))
        assert "s3cret" not in f"{package} {package.requirement} {remarks}"


IDENTITIES: dict[str, tuple[str, dict[str, str], Package]] = {
    "the metadata's spelling": (
        "pkg-1.0.dist-info",
        {"name": "Pkg.Name", "version": "1.0"},
        Package("pkg-name", "1.0", "Pkg.Name"),
    ),
    "the metadata goes before the folder": (
        "other-9.9.dist-info",
        {"name": "pkg", "version": "1.0"},
        Package("pkg", "1.0"),
    ),
    "no metadata": ("Pkg_Name-1.0.dist-info", {}, Package("pkg-name", "1.0", "Pkg_Name")),
    "no version": ("pkg-1.0+cpu.dist-info", {"name": "pkg"}, Package("pkg", "1.0+cpu")),
    "no name": ("pkg-1.0.dist-info", {"version": "2.0"}, Package("pkg", "2.0")),
    "a version with a dash": ("pkg-2004d-foo.dist-info", {}, Package("pkg", "2004d-foo")),
    "an egg for a Python": ("pkg-1.0-py3.8.egg-info", {}, Package("pkg", "1.0")),
    "an unpacked egg": ("pkg-1.0-py3.8.egg", {}, Package("pkg", "1.0")),
    "blank": ("pkg-1.0.dist-info", {"name": "", "version": ""}, Package("pkg", "1.0")),
    "two words": ("pkg-1.0.dist-info", {"name": "pkg", "version": "1.0 or so"}, Package("pkg", "1.0")),
}


@pytest.mark.parametrize(("file", "metadata", "package"), IDENTITIES.values(), ids=IDENTITIES)
def test_name_and_version_are_the_metadatas_else_the_folders(
    file: str, metadata: dict[str, str], package: Package
) -> None:
    assert read({"folder": SITE, "file": file, **metadata})[0] == package


@pytest.mark.parametrize(
    "file", [".dist-info", "pkg.dist-info", "-1.0.dist-info", "pkg-.dist-info", "p/kg-1.0.dist-info"]
)
def test_what_has_no_name_or_no_version_is_left_out_and_remarked(file: str) -> None:
    left_out = read_distributions([{"folder": SITE, "file": file}])
    assert left_out.packages == ()
    assert left_out.remarks == (f"{file} has no valid name or no valid version, so it was left out",)


def test_no_remark_names_a_path() -> None:
    found = [
        distribution(error="Permission denied"),
        distribution(latin1=True),
        distribution(version="2.0", folder="/home/anna/elsewhere"),
        {"folder": SITE, "file": "~kg-1.0.dist-info"},
        {"folder": SITE, "file": "pkg.zip", "zip": True},
        {"folder": SITE, "file": "pkg.dist-info"},
        {**distribution(), "direct_url": "{"},
    ]
    remarks = read_distributions(found).remarks
    assert len(remarks) == len(found) + 2  # the one name is there three times more
    assert not any("/" in remark for remark in remarks)


def test_tooling_that_is_there_twice_and_the_same_version_elsewhere_are_not_odd() -> None:
    twice = [
        distribution(name="pip", version=version, folder=folder) for version, folder in (("1", SITE), ("2", "/usr/x"))
    ]
    same = [distribution(), distribution(folder="/usr/lib/python3.11/site-packages")]
    assert read_distributions([*twice, *same]).remarks == ()
