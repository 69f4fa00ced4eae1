"""One damaged package costs a remark, never the capture."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import add, make_place, make_wheel, pinned


def write_in_latin_1(site: Path) -> None:
    add(site, "broken", "1.0", metadata="Name: broken\nVersion: 1.0\nAuthor: J\xe9r\xf4me\n\n".encode("latin-1"))


def write_a_version_that_is_none(site: Path) -> None:
    add(site, "broken", "2004d-foo", folder="broken-2004d-foo.dist-info")


def make_the_metadata_a_folder(site: Path) -> None:
    info = add(site, "broken", "1.0")
    info.joinpath("METADATA").unlink()
    info.joinpath("METADATA").mkdir()


def leave_out_the_metadata(site: Path) -> None:
    add(site, "broken", "1.0").joinpath("METADATA").unlink()


def leave_a_folder_behind(site: Path) -> None:
    add(site, "broken", "1.0")
    add(site, "whole", "1.0", folder="~roken-1.0.dist-info")


def damage_the_direct_url(site: Path) -> None:
    add(site, "broken", "1.0", direct_url=b'{"url": "https://host')


def make_the_direct_url_unreadable(site: Path) -> None:
    add(site, "broken", "1.0").joinpath("direct_url.json").mkdir()


def nest_the_direct_url_deeply(site: Path) -> None:
    add(site, "broken", "1.0", direct_url=b"[" * 200_000)


def name_it_twice_in_one_folder(site: Path) -> None:
    add(site, "broken", "1.0")
    add(site, "broken", "1.0", folder="Broken-1.0.dist-info")


def write_an_impossible_name(site: Path) -> None:
    add(site, "--index-url=https://evil.example.com broken", "1.0", folder="broken-1.0.dist-info")


def write_an_impossible_version(site: Path) -> None:
    add(site, "broken", "1.0 \x1b[31m", folder="broken-1.0.dist-info")


def leave_out_name_and_version(site: Path) -> None:
    add(site, "broken", "1.0")
    add(site, "nobody", "1.0", folder=".dist-info", metadata=b"Summary: nobody\n\n")


def put_a_zip_on_the_path(site: Path) -> None:
    add(site, "broken", "1.0")
    zipped = make_wheel(site / "zips", "zipped", "1.0")
    site.joinpath("zipped.pth").write_text(f"{zipped}\n")


INCOMPLETE = "the metadata of broken lacks a valid name or version; its folder's name was taken"
DAMAGED = "the direct_url.json of broken is damaged, so where it came from is unknown"

# What `pip freeze` of pip 23 to 26 does with each is in the comment; a capture goes on, and says so.
DAMAGES = {
    # pip: a traceback, and no package is printed.
    "latin_1_metadata": (write_in_latin_1, "broken==1.0", ["the metadata of broken is not UTF-8"]),
    # pip prints ===2004d-foo, older ones nothing; uv fails. It can be pinned, so there is nothing to remark.
    "invalid_version": (write_a_version_that_is_none, "broken==2004d-foo", []),
    # pip: a traceback, or the folder's name.
    "unreadable_metadata": (
        make_the_metadata_a_folder,
        "broken==1.0",
        ["the metadata of broken cannot be read: *; its folder's name was taken"],
    ),
    "missing_metadata": (
        leave_out_the_metadata,
        "broken==1.0",
        ["the metadata of broken cannot be read: *; its folder's name was taken"],
    ),
    "empty_metadata": (lambda site: add(site, "broken", "1.0", metadata=b""), "broken==1.0", [INCOMPLETE]),
    "blank_headers": (
        lambda site: add(site, "broken", "1.0", metadata=b"Name:\nVersion:\n\n"),
        "broken==1.0",
        [INCOMPLETE],
    ),
    # A byte-order mark hides the first header from pip; it is not even odd.
    "byte_order_mark": (
        lambda site: add(site, "broken", "1.0", metadata=b"\xef\xbb\xbfName: broken\nVersion: 1.0\n\n"),
        "broken==1.0",
        [],
    ),
    # pip warns, and lists it by its folder's name, or not at all.
    "leftover": (
        leave_a_folder_behind,
        "broken==1.0",
        ["~roken-1.0.dist-info is left over from an interrupted installation, so it was left out"],
    ),
    # pip warns and prints a pin, as for a release.
    "broken_direct_url": (damage_the_direct_url, "broken==1.0", [DAMAGED]),
    "unreadable_direct_url": (make_the_direct_url_unreadable, "broken==1.0", [DAMAGED]),
    "deep_direct_url": (nest_the_direct_url_deeply, "broken==1.0", [DAMAGED]),
    # pip says nothing.
    "twice_in_one_folder": (
        name_it_twice_in_one_folder,
        "broken==1.0",
        ["broken is there twice, 1.0 and 1.0; the first on the path counts"],
    ),
    "impossible_name": (write_an_impossible_name, "broken==1.0", [INCOMPLETE]),
    "impossible_version": (write_an_impossible_version, "broken==1.0", [INCOMPLETE]),
    "no_name_at_all": (
        leave_out_name_and_version,
        "broken==1.0",
        [".dist-info has no valid name or no valid version, so it was left out"],
    ),
    "zip_on_the_path": (
        put_a_zip_on_the_path,
        "broken==1.0",
        ["zipped-1.0-py3-none-any.whl is a file on the path; packages in it are not recorded"],
    ),
}


@pytest.mark.parametrize(("damage", "pin", "remarks"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_package_costs_a_remark_and_never_the_capture(
    damage: Callable[[Path], object], pin: str, remarks: list[str], tmp_path: Path
) -> None:
    place = make_place(tmp_path / "place")
    add(place.site, "whole", "3.0")
    damage(place.site)
    captured = place.captured()
    assert pinned(captured) == {"whole==3.0", pin}
    assert len(captured.remarks) == len(remarks)
    for remark, wanted in zip(captured.remarks, remarks, strict=True):
        start, _, end = wanted.partition("*")
        assert remark.startswith(start)
        assert remark.endswith(end)
        assert str(tmp_path) not in remark


@pytest.mark.skipif(os.name == "nt", reason="file names on Windows are Unicode")
def test_a_file_name_that_is_no_text_is_remarked_in_text(tmp_path: Path) -> None:
    place = make_place(tmp_path / "place")
    try:
        Path(place.site, os.fsdecode(b"\xff\xfe-1.0.dist-info")).mkdir()
    except OSError:
        pytest.skip("the file system takes no such name")
    captured = place.captured()
    assert captured.remarks == ("??-1.0.dist-info has no valid name or no valid version, so it was left out",)
    captured.remarks[0].encode()
