"""modelreg image: images that hold a version's environment, recorded by digest, compared, shown and copied."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Run
from image_server import ImageServer, serving
from images import Blobs, Content, glibc, image_of, index_of, layout, package_files, python_files

from modelreg import Capture, EnvironmentMismatchError, IntegrityError, Registry
from modelreg.events import Annotation, ImageNote, Stamp
from modelreg.records import seal

SITE = "usr/local/lib/python3.11/site-packages"
PINS = ("joblib==1.5.1", "numpy==2.1.0", "scikit-learn==1.5.2")
BASE: dict[str, Content] = {**glibc(), **python_files()}


@pytest.fixture
def server() -> Iterator[ImageServer]:
    """An image registry with team/fraud:3, which holds what `captured` pins, and :old, which does not."""
    blobs = Blobs({})
    fits = image_of(blobs, [BASE, package_files(SITE, *PINS)])
    old = image_of(blobs, [BASE, package_files(SITE, *PINS[:2], "scikit-learn==1.3.2")])
    arm = image_of(blobs, [python_files()], platform="linux/arm64")
    both = index_of(blobs, {"linux/amd64": fits, "linux/arm64": arm})
    tags = {"3": str(fits["digest"]), "old": str(old["digest"]), "both": str(both["digest"])}
    with serving(ImageServer(blobs, tags)) as running:
        yield running


@pytest.fixture
def fraud(beside: Registry, model: Path, captured: Capture) -> Registry:
    """The registry of the command line, with fraud:1."""
    beside.register(model, "fraud", capture=captured)
    return beside


def test_a_tag_is_recorded_by_the_digest_that_it_has_at_that_moment(
    quick: Run, fraud: Registry, server: ImageServer
) -> None:
    image = f"{server.host}/team/fraud:3"
    ran = quick("image", "attach", "fraud:1", image)
    assert (ran.code, ran.out) == (0, f"{image}@{server.tags['3']}\n"), ran.err
    assert ran.err == "fraud:1 has this image for serve; it fits the pins.\n"
    moved = server.tags["3"]
    server.tags["3"] = server.tags["old"]
    (note,) = fraud.resolve("fraud").images.values()
    assert note == ImageNote(f"{image}@{moved}", "linux/amd64", fits=True)
    ran = quick("verify-env", "fraud:1", "--image", "recorded")
    assert (ran.code, ran.out.splitlines()[0]) == (
        0,
        f"{note.reference} /usr/local (Python 3.11.7) fits fraud:1",
    )


def test_an_image_that_does_not_fit_is_recorded_only_on_purpose(
    quick: Run, fraud: Registry, server: ImageServer, captured: Capture
) -> None:
    image = f"{server.host}/team/fraud:old"
    ran = quick("image", "attach", "fraud:1", image)
    assert (ran.code, ran.out) == (3, "")
    assert "does not fit: scikit-learn is 1.3.2; the model wants 1.5.2" in ran.err
    assert not fraud.resolve("fraud").images
    assert quick("image", "attach", "fraud:1", image, "--allow-mismatch").code == 0
    assert fraud.resolve("fraud").images["serve"].fits is False
    # Whatever is checked from now on, it is told that the two ways to keep the dependencies disagree.
    assert "warning" in quick("verify-env", "fraud", "--image", f"{server.host}/team/fraud:3").out
    (finding,) = fraud.verify_env("fraud:1", environment=captured).findings
    assert str(finding).startswith(f"the image recorded for serve, {image}@sha256:")
    assert fraud.verify_env("fraud:1", environment=captured).fits
    ran = quick("verify-env", "fraud", "--image", "recorded")
    assert ran.code == 3
    assert "scikit-learn is 1.3.2; the model wants 1.5.2 (wanted since fraud:1 of " in ran.out


def test_an_image_may_be_checked_by_its_name_alone(quick: Run, fraud: Registry, server: ImageServer) -> None:
    assert quick("verify-env", "fraud:1", "--image", f"{server.host}/team/fraud:3").code == 0
    ran = quick("verify-env", "fraud:1", "--image", f"{server.host}/team/fraud:old", "--json")
    document = json.loads(ran.out)
    assert (ran.code, document["fits"]) == (3, False)
    assert document["results"][0]["environment"] == f"{server.host}/team/fraud:old /usr/local"
    ran = quick("verify-env", "fraud:1", "--image", f"{server.host}/team/fraud:3", "--python", "/opt/venv")
    assert (ran.code, "no Python at /opt/venv" in ran.err) == (4, True)


def test_an_image_that_is_gone_since_is_said_to_be(quick: Run, fraud: Registry, server: ImageServer) -> None:
    quick("image", "attach", "fraud:1", f"{server.host}/team/fraud:3")
    del server.blobs.kept[server.tags["3"]]
    ran = quick("verify-env", "fraud:1", "--image", "recorded")
    assert (ran.code, "look whether it was pushed, or deleted since" in ran.err) == (4, True)


def test_a_pulled_folder_knows_its_images(quick: Run, fraud: Registry, server: ImageServer, tmp_path: Path) -> None:
    quick("image", "attach", "fraud:1", f"{server.host}/team/fraud:3")
    ran = quick("pull", "fraud:1", "-o", str(tmp_path / "pulled"))
    reference = f"{server.host}/team/fraud:3@{server.tags['3']}"
    assert f"Its image for serve: {reference}" in ran.err
    assert quick("verify-env", str(tmp_path / "pulled"), "--image", "recorded").code == 0
    assert json.loads(quick("pull", "fraud:1", "--json").out)["images"] == {"serve": reference}


def test_without_a_registry_to_ask_a_digest_is_needed(quick: Run, fraud: Registry) -> None:
    digest = f"sha256:{'0' * 64}"
    ran = quick("image", "attach", "fraud:1", "registry.invalid/team/fraud:3", "--no-check")
    assert (ran.code, "a tag alone is not recorded" in ran.err) == (2, True)
    ran = quick(
        "image", "attach", "fraud", f"registry.invalid/team/fraud:3@{digest}", "--no-check", "--target", "train"
    )
    assert (ran.code, ran.err) == (0, "fraud:1 has this image for train; it was not looked at.\n")
    note = ImageNote(f"registry.invalid/team/fraud:3@{digest}")
    assert dict(fraud.resolve("fraud").images) == {"train": note}


@pytest.mark.parametrize("selector", [":4", f"@sha256:{'0' * 64}"])
def test_an_image_that_the_registry_does_not_know_is_refused(
    quick: Run, fraud: Registry, server: ImageServer, selector: str
) -> None:
    ran = quick("image", "attach", "fraud:1", f"{server.host}/team/fraud{selector}")
    assert (ran.code, "there is no image" in ran.err) == (4, True)
    assert not fraud.resolve("fraud").images


def test_register_takes_images_and_looks_at_them_first(
    quick: Run, beside: Registry, model: Path, captured: Capture, server: ImageServer
) -> None:
    images = {"serve": f"{server.host}/team/fraud:3", "train": f"{server.host}/team/fraud:old"}
    with pytest.raises(EnvironmentMismatchError, match=r"scikit-learn is 1\.3\.2"):
        beside.register(model, "fraud", capture=captured, images=images)
    assert beside.models() == ()
    registered = beside.register(model, "fraud", capture=captured, images=images, allow_mismatch=True)
    assert {target: image.fits for target, image in registered.version.images.items()} == {
        "train": False,
        "serve": True,
    }
    ran = quick("register", str(model), "fraud", "--image", f"serve={server.host}/team/fraud:nothing")
    assert ran.code == 4
    assert len(beside.versions("fraud")) == 1
    ran = quick(
        "register", str(model), "fraud", "--image", f"serve=registry.invalid/x@sha256:{'0' * 64}", "--no-image-check"
    )
    assert (ran.code, ran.out) == (0, "fraud:2\n"), ran.err


def test_the_environments_platform_of_an_index_is_taken(fraud: Registry, server: ImageServer) -> None:
    attached = fraud.attach_image("fraud:1", f"{server.host}/team/fraud:both", target="serve")
    assert attached.image == ImageNote(f"{server.host}/team/fraud:both@{server.tags['both']}", "linux/amd64", fits=True)
    with pytest.raises(EnvironmentMismatchError, match="the machine is aarch64; the model wants x86_64"):
        fraud.attach_image("fraud:1", f"{server.host}/team/fraud:both", target="serve", platform="linux/arm64")


def test_images_are_shown_listed_told_and_compared(
    quick: Run, fraud: Registry, model: Path, captured: Capture, server: ImageServer
) -> None:
    image = f"{server.host}/team/fraud:3"
    full = f"{image}@{server.tags['3']}"
    ran = quick("image", "show", "fraud:1")
    assert (ran.out, "fraud:1 has no images" in ran.err) == ("", True)
    assert "There are no images in" in quick("image", "list").err
    for target in ("train", "serve"):
        quick("image", "attach", "fraud:1", image, "--target", target)
    fraud.register(model, "fraud", capture=captured)
    assert quick("image", "show", "fraud:1", "--target", "serve").out == f"{full}\n"
    assert quick("image", "show", "fraud:1", "-q").out == f"{full}\n{full}\n"
    assert [line.split() for line in quick("image", "list").out.splitlines()] == [
        ["VERSION", "TARGET", "IMAGE", "PLATFORM", "FITS"],
        ["fraud:1", "train", full, "linux/amd64", "yes"],
        ["fraud:1", "serve", full, "linux/amd64", "yes"],
    ]
    (one, _) = json.loads(quick("image", "list", "fraud", "--json").out)["images"]
    assert one == {
        "version": "fraud:1",
        "target": "train",
        "reference": full,
        "platform": "linux/amd64",
        "fits": True,
    }
    assert f'"reference": "{full}"' in quick("show", "fraud:1").out
    assert json.loads(quick("show", "fraud:1", "--json").out)["images"]["serve"]["reference"] == full
    assert f"image serve {full}" in quick("history", "fraud").out
    assert quick("diff", "fraud:1", "fraud:2", "-q").out == "image\n"


def test_what_was_attached_twice_is_recorded_once(fraud: Registry, server: ImageServer) -> None:
    for _ in range(2):
        fraud.attach_image("fraud:1", f"{server.host}/team/fraud:3", target="serve")
    assert len(fraud.resolve("fraud:1").annotations) == 1


def test_an_image_that_was_detached_is_gone_everywhere_but_from_the_history(
    quick: Run, fraud: Registry, server: ImageServer, tmp_path: Path
) -> None:
    image = f"{server.host}/team/fraud:3"
    full = f"{image}@{server.tags['3']}"
    for target in ("train", "serve"):
        quick("image", "attach", "fraud:1", image, "--target", target)
    elsewhere = Registry.open(str(tmp_path / "elsewhere"))
    fraud.copy("fraud:1", elsewhere)
    ran = quick("image", "detach", "fraud:1")
    assert (ran.code, ran.out) == (0, f"{full}\n"), ran.err
    assert ran.err == "fraud:1 has no image for serve any more. The image itself stays in its image registry.\n"
    assert list(fraud.resolve("fraud:1").images) == ["train"]
    assert quick("image", "show", "fraud:1", "--target", "serve").code == 4
    assert "image serve removed" in quick("history", "fraud").out.splitlines()[-1]
    assert list(fraud.copy("fraud:1", elsewhere).version.images) == ["train"]
    ran = quick("image", "detach", "fraud:1", "--target", "train", "--json")
    assert json.loads(ran.out) == {"version": "fraud:1", "target": "train", "reference": full}
    assert "images" not in json.loads(quick("show", "fraud:1", "--json").out)
    assert quick("image", "attach", "fraud:1", image).out == f"{full}\n"
    assert list(fraud.resolve("fraud:1").images) == ["serve"]


def test_what_is_not_attached_cannot_be_detached(quick: Run, fraud: Registry, server: ImageServer) -> None:
    quick("image", "attach", "fraud:1", f"{server.host}/team/fraud:3", "--target", "train")
    ran = quick("image", "detach", "fraud:1")
    assert (ran.code, ran.out) == (4, "")
    assert ran.err == "error: fraud:1 has no image for serve to detach; it has images for train\n"
    assert len(fraud.resolve("fraud:1").annotations) == 1


def test_bare_identifiers_of_images_that_are_not_there_are_an_error(quick: Run, fraud: Registry) -> None:
    ran = quick("image", "show", "fraud:1", "-q")
    assert (ran.code, ran.out) == (4, "")
    assert ran.err == ("error: fraud:1 has no images; record one: modelreg image attach fraud:1 IMAGE --target serve\n")


def test_a_copy_has_the_images(fraud: Registry, server: ImageServer, tmp_path: Path) -> None:
    fraud.attach_image("fraud:1", f"{server.host}/team/fraud:3", target="serve")
    copied = fraud.copy("fraud:1", Registry.open(str(tmp_path / "elsewhere")))
    assert copied.version.images == fraud.resolve("fraud:1").images


def test_asking_for_an_image_that_is_not_recorded(quick: Run, fraud: Registry, server: ImageServer) -> None:
    ran = quick("verify-env", "fraud:1", "--image", "recorded")
    assert (ran.code, "modelreg image attach fraud:1 IMAGE --target serve" in ran.err) == (4, True)
    for target in ("train", "base"):
        quick("image", "attach", "fraud:1", f"{server.host}/team/fraud:3", "--target", target)
    ran = quick("verify-env", "fraud:1", "--image", "recorded")
    assert (ran.code, "has no image for serving, but for base, train" in ran.err) == (2, True)
    assert quick("verify-env", "fraud:1", "--image", "recorded", "--group", "train").code == 0
    assert quick("image", "show", "fraud:1", "--target", "serve").code == 4


def test_an_image_as_a_file_is_checked_but_not_recorded(
    quick: Run, fraud: Registry, tmp_path: Path, captured: Capture
) -> None:
    folder = layout(tmp_path / "layout", BASE, package_files(SITE, *PINS))
    assert quick("verify-env", "fraud:1", "--image", str(folder)).code == 0
    assert quick("image", "attach", "fraud:1", str(folder)).code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("image", "attach", "fraud:1", "registry.example/fraud", "--target", "test"),
        ("image", "attach", "fraud:1", "Registry/Fraud"),
        ("image", "detach", "fraud:1", "--target", "test"),
        ("image", "attach", "fraud:1", "registry.example/fraud", "--platform", "linux"),
        ("verify-env", "fraud:1", "--platform", "linux/amd64"),
        ("verify-env", "fraud:1", "--image", "registry.example/fraud", "--deep"),
        ("verify-env", "fraud:1", "--image", "registry.example/fraud", "--lock", "pylock.toml"),
    ],
)
def test_what_makes_no_sense_is_refused(quick: Run, fraud: Registry, arguments: tuple[str, ...]) -> None:
    assert quick(*arguments).code == 2


STAMP = Stamp("0" * 32, "2026-11-24T00:00:00Z", "anna")
PINNED = f"registry.example/fraud:3@sha256:{'0' * 64}"


def test_an_annotation_keeps_its_images() -> None:
    notes = {"serve": ImageNote(PINNED, "linux/amd64", fits=True), "train": ImageNote(PINNED)}
    annotation = Annotation(STAMP, images=notes)
    assert Annotation.from_bytes(annotation.to_bytes("fraud", 1), "fraud", 1) == annotation
    assert b"images" not in annotation._replace(images={}, description="x").to_bytes("fraud", 1)


def test_an_annotation_keeps_which_images_it_removes() -> None:
    annotation = Annotation(STAMP, remove_images=("serve",))
    assert Annotation.from_bytes(annotation.to_bytes("fraud", 1), "fraud", 1) == annotation
    assert b"remove_images" not in Annotation(STAMP, description="x").to_bytes("fraud", 1)


def test_targets_of_the_future_are_passed_over() -> None:
    body = {"model": "fraud", "version": 1, "images": {"serve": {"reference": PINNED}, "edge": {"some": "thing"}}}
    data = seal("annotation", STAMP.op, STAMP.created, STAMP.created_by, body)
    assert dict(Annotation.from_bytes(data, "fraud", 1).images) == {"serve": ImageNote(PINNED)}


@pytest.mark.parametrize("reference", ["registry.example/fraud:3", "No Image", "", None])
def test_an_image_without_a_digest_is_damage(reference: str | None) -> None:
    body = {"model": "fraud", "version": 1, "images": {"serve": {"reference": reference}}}
    data = seal("annotation", STAMP.op, STAMP.created, STAMP.created_by, body)
    with pytest.raises(IntegrityError, match=r"images\.serve\.reference"):
        Annotation.from_bytes(data, "fraud", 1)
