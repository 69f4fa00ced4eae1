"""Images as files: OCI layouts, and what `docker save` wrote in either form."""

from pathlib import Path

import pytest
from images import (
    Blobs,
    Content,
    image_of,
    index_of,
    layout,
    package_files,
    python_files,
    tar_folder,
    write_layout,
    write_saved,
)

from modelreg import IntegrityError, NotFoundError, UsageError, capture_image, open_image

SITE = "usr/local/lib/python3.11/site-packages"
LAYERS: list[dict[str, Content]] = [python_files(), package_files(SITE, "joblib==1.5.1"), {"tmp/x": ""}, {"tmp/x": ""}]


def pins(name: Path | str, platform: str | None = None) -> list[str]:
    capture = capture_image(open_image(str(name), platform))
    return [f"{package.name}=={package.version}" for package in capture.environment.packages]


def test_an_oci_layout_as_a_folder_and_as_an_archive(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", *LAYERS)
    archive = tar_folder(folder, tmp_path / "image.tar")
    assert pins(folder) == pins(archive) == ["joblib==1.5.1"]
    assert open_image(str(folder)).digest == open_image(str(archive)).digest


def test_what_docker_saved_before_it_wrote_layouts(tmp_path: Path) -> None:
    archive = write_saved(tmp_path / "saved.tar", {"team/fraud:3": LAYERS})
    assert pins(archive) == ["joblib==1.5.1"]
    assert str(open_image(str(archive)).platform) == "linux/amd64"


def test_one_of_several_images_is_chosen_by_its_tag(tmp_path: Path) -> None:
    blobs = Blobs({})
    other = image_of(blobs, [python_files(), package_files(SITE, "joblib==1.5.2")])
    folder = write_layout(tmp_path / "layout", blobs, {"3": image_of(blobs, LAYERS), "team/fraud:4": other})
    saved = write_saved(tmp_path / "saved.tar", {"fraud:3": LAYERS, "fraud:4": [python_files()]})
    assert (pins(f"{folder}:3"), pins(f"{folder}:4"), pins(f"{saved}:4")) == (["joblib==1.5.1"], ["joblib==1.5.2"], [])
    for path in (folder, saved):
        with pytest.raises(UsageError, match=r"several images: .*3, .*4; choose one"):
            open_image(str(path))
        with pytest.raises(NotFoundError, match="holds no image 5"):
            open_image(f"{path}:5")


def test_a_relative_path_is_one_though_it_could_be_a_repository(tmp_path: Path) -> None:
    layout(Path("layout"), *LAYERS)
    assert pins("layout") == pins("./layout") == ["joblib==1.5.1"]


def test_the_platform_of_a_layout_is_chosen(tmp_path: Path) -> None:
    blobs = Blobs({})
    arm = image_of(blobs, [python_files(), package_files(SITE, "joblib==9")], platform="linux/arm64/v8")
    index = index_of(blobs, {"linux/amd64": image_of(blobs, LAYERS), "linux/arm64/v8": arm})
    folder = write_layout(tmp_path / "layout", blobs, {"3": index})
    assert pins(folder, "linux/arm64") == ["joblib==9"]


def test_a_layout_that_was_not_copied_whole_is_told(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", *LAYERS)
    image = open_image(str(folder))
    (folder / "blobs" / "sha256" / image.manifest.layers[1].digest.removeprefix("sha256:")).unlink()
    with pytest.raises(NotFoundError, match="was not copied whole"):
        pins(folder)
    (folder / "blobs" / "sha256" / image.digest.removeprefix("sha256:")).write_bytes(b"{}")
    with pytest.raises(IntegrityError, match="was damaged or replaced"):
        pins(folder)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_a_file_that_is_no_image_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no image"):
        open_image(str(path))


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no image"):
        open_image(str(tmp_path / "nothing.tar"))
    with pytest.raises(UsageError, match="is no image"):
        open_image(str(tmp_path))


def test_an_index_that_is_damaged(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", *LAYERS)
    for text in ("{", "[]", '{"manifests": [{}]}', "{}"):
        (folder / "index.json").write_text(text, encoding="utf-8")
        with pytest.raises(IntegrityError, match="layout is"):
            open_image(str(folder))
