"""Layers of images: what they hide and add, how they are packed, and what hostile ones cannot do."""

import gzip
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from images import GZIP, PLAIN, ZSTD, Blobs, Content, To, compressed, image_of, layout, tar_of, write_layout

from modelreg import IntegrityError, open_image
from modelreg.image.capture import read_files
from modelreg.image.filesystem import FileSystem

SITE = "usr/lib/site-packages"
META = f"{SITE}/joblib-1.5.1.dist-info/METADATA"
ABOUT = "Name: joblib\nVersion: 1.5.1\n"


def files_of(tmp_path: Path, *layers: bytes | Mapping[str, Content], how: str = GZIP) -> FileSystem:
    return read_files(open_image(str(layout(tmp_path / "layout", *layers, how=how))))


@pytest.mark.parametrize("how", [GZIP, ZSTD, PLAIN])
def test_a_layer_is_read_however_it_is_packed(tmp_path: Path, how: str) -> None:
    files = files_of(tmp_path, {META: ABOUT}, how=how)
    assert files.read(f"/{META}") == ABOUT.encode()


def test_what_is_said_of_the_packing_does_not_count(tmp_path: Path) -> None:
    blobs = Blobs({})
    image = image_of(blobs, [{META: ABOUT}], how=GZIP)
    manifest = blobs.kept[str(image["digest"])].replace(b"tar+gzip", b"tar")
    image = blobs.add(manifest, str(image["mediaType"]))
    files = read_files(open_image(str(write_layout(tmp_path / "layout", blobs, {"": image}))))
    assert files.read(f"/{META}") == ABOUT.encode()


def test_a_later_layer_replaces_and_hides(tmp_path: Path) -> None:
    files = files_of(
        tmp_path,
        {f"{SITE}/a-1.dist-info/METADATA": "old", f"{SITE}/b-1.dist-info/METADATA": "b", f"{SITE}/c.pth": "/src\n"},
        {f"{SITE}/a-1.dist-info/METADATA": "new", f"{SITE}/.wh.b-1.dist-info": "", f"{SITE}/.wh.c.pth": ""},
    )
    assert files.names(f"/{SITE}") == ["a-1.dist-info"]
    assert files.read(f"/{SITE}/a-1.dist-info/METADATA") == b"new"


def test_an_opaque_folder_hides_what_was_in_it_but_nothing_of_its_own_layer(tmp_path: Path) -> None:
    files = files_of(
        tmp_path,
        {f"{SITE}/old/x.pth": "", f"{SITE}/old.pth": ""},
        {f"{SITE}/new.pth": "", f"{SITE}/.wh..wh..opq": "", "usr/lib/other.txt": ""},
    )
    assert files.names(f"/{SITE}") == ["new.pth"]


def test_what_is_hidden_and_added_in_one_layer_is_there_in_either_order(tmp_path: Path) -> None:
    for number, order in enumerate(((f"{SITE}/.wh.a.pth", f"{SITE}/a.pth"), (f"{SITE}/a.pth", f"{SITE}/.wh.a.pth"))):
        files = files_of(tmp_path / str(number), {f"{SITE}/a.pth": "old"}, dict.fromkeys(order, "new"))
        assert files.read(f"/{SITE}/a.pth") == b"new"


def test_a_file_takes_the_place_of_a_folder_and_the_other_way_round(tmp_path: Path) -> None:
    files = files_of(tmp_path, {f"{SITE}/a/x.pth": "", "opt": "a file"}, {f"{SITE}/a": "a file", "opt/b.pth": ""})
    assert files.names(f"/{SITE}/a") == []
    assert files.names("/opt") == ["b.pth"]


def test_links_are_followed_as_in_the_running_image(tmp_path: Path) -> None:
    files = files_of(
        tmp_path,
        {"lib": To("usr/lib"), "usr/lib/a.txt": "", "opt/deep/er/x": To("../../../lib"), "loop": To("loop")},
        # Through a link of the layer below, as some builders write it.
        {"lib/site-packages/a.pth": "via the link"},
    )
    assert files.read("/usr/lib/site-packages/a.pth") == b"via the link"
    assert files.real("/opt/deep/er/x/site-packages/a.pth") == "/usr/lib/site-packages/a.pth"
    assert files.find("/loop/x") is None


def test_another_name_of_a_file_is_that_file(tmp_path: Path) -> None:
    """As uv writes it: the first name is in its cache, where nobody would look for a package."""
    files = files_of(tmp_path, {"root/cache/blob": ABOUT, META: To("root/cache/blob", hard=True)})
    assert files.read(f"/{META}") == ABOUT.encode()


def test_a_name_that_leads_out_of_the_image_is_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    files = files_of(
        tmp_path,
        {
            f"../../..{outside}": "written",
            f"{SITE}/../../../../../..{outside}": "written",
            "escape": To("../../../../../../etc"),
            "escape/passwd": "root of the image",
            "absolute": To(str(tmp_path)),
            "absolute/new": "x",
        },
    )
    assert not outside.exists()
    assert not (tmp_path / "new").exists()
    assert files.read("/etc/passwd") is None or files.read("/etc/passwd") == b"root of the image"


def test_devices_and_pipes_are_nothing(tmp_path: Path) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for kind in (tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.BLKTYPE):
            member = tarfile.TarInfo(f"{SITE}/device{kind!r}.pth")
            member.type = kind
            archive.addfile(member)
    files = files_of(tmp_path, data.getvalue())
    assert all(files.read(f"/{SITE}/{name}") is None for name in files.names(f"/{SITE}"))


HOSTILE = {
    "no tar at all": b"\x1f\x8b" + b"nothing of the kind",
    "half of one": gzip.compress(tar_of({META: ABOUT * 5000}))[:200],
    "a tar whose checksum is wrong": gzip.compress(b"x" * 2048),
}


@pytest.mark.parametrize("layer", HOSTILE.values(), ids=HOSTILE)
def test_a_layer_that_is_no_archive_is_said_to_be_none(tmp_path: Path, layer: bytes) -> None:
    with pytest.raises(IntegrityError, match="is no archive that can be read"):
        files_of(tmp_path, layer, how=PLAIN)


def test_a_name_of_a_gigabyte_is_refused_before_it_is_read(tmp_path: Path) -> None:
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    with pytest.raises(IntegrityError, match="larger than any name"):
        files_of(tmp_path, member.tobuf(tarfile.GNU_FORMAT) + b"x" * 10240)


def test_a_path_of_half_a_million_parts_is_passed_over(tmp_path: Path) -> None:
    files = files_of(tmp_path, {"a/" * 500_000 + "b": "", META: ABOUT, "deep/" * 200 + "b.txt": ""})
    assert files.names("/") == ["deep", "usr"]


def test_a_layer_that_was_changed_is_refused_and_not_remembered(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", {META: ABOUT, "big": os.urandom(5000)})
    image = open_image(str(folder))
    blob = folder / "blobs" / "sha256" / image.manifest.layers[0].digest.removeprefix("sha256:")
    whole = blob.read_bytes()
    for damaged in (compressed(tar_of({META: ABOUT + "more"}), GZIP), whole[:-1] + b"x", whole + b"x", whole[:-8], b""):
        blob.write_bytes(damaged)
        with pytest.raises(IntegrityError, match=r"have another digest|no archive"):
            read_files(image)
    blob.write_bytes(whole)
    assert read_files(image).read(f"/{META}") == ABOUT.encode()


def test_a_layer_is_read_once_and_a_damaged_note_of_it_is_no_harm(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", {META: ABOUT})
    image = open_image(str(folder))
    assert read_files(image).read(f"/{META}") == ABOUT.encode()
    blob = folder / "blobs" / "sha256" / image.manifest.layers[0].digest.removeprefix("sha256:")
    kept = blob.read_bytes()
    blob.unlink()
    assert read_files(image).read(f"/{META}") == ABOUT.encode()
    blob.write_bytes(kept)
    (note,) = (tmp_path / "home" / "modelreg" / "layers").rglob("*.json.gz")
    note.write_bytes(note.read_bytes()[:-9] + b"damaged!!")
    assert read_files(image).read(f"/{META}") == ABOUT.encode()


def test_a_layer_of_many_files_is_not_held_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    layer = compressed(tar_of({**{f"data/{number}.bin": b"\0" * 200_000 for number in range(400)}, META: ABOUT}), GZIP)
    folder = layout(tmp_path / "layout", layer, how=PLAIN)
    tracemalloc.start()
    files = read_files(open_image(str(folder)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert files.read(f"/{META}") == ABOUT.encode()
    assert peak < 8_000_000  # of 80 MB
