"""References of images: what Docker understands is understood the same way, and everything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelreg import UsageError
from modelreg.image.document import ImagePlatform
from modelreg.image.reference import ImageReference

DIGEST = f"sha256:{'0123456789abcdef' * 4}"

FORMS = {
    "python": "docker.io/library/python:latest",
    "python:3.11": "docker.io/library/python:3.11",
    "team/fraud": "docker.io/team/fraud:latest",
    "index.docker.io/team/fraud:3": "docker.io/team/fraud:3",
    "docker.io/python": "docker.io/library/python:latest",
    "registry.example/fraud:3": "registry.example/fraud:3",
    "registry.example:5000/a/b/fraud": "registry.example:5000/a/b/fraud:latest",
    "localhost/fraud": "localhost/fraud:latest",
    "localhost:5000/fraud:v1.2_x-y": "localhost:5000/fraud:v1.2_x-y",
    "REGISTRY.example/fraud": "registry.example/fraud:latest",
    "[::1]:5000/fraud:1": "[::1]:5000/fraud:1",
    f"fraud@{DIGEST}": f"docker.io/library/fraud@{DIGEST}",
    f"registry.example/team/fraud:3@{DIGEST}": f"registry.example/team/fraud:3@{DIGEST}",
    "my__team/fraud---detector": "docker.io/my__team/fraud---detector:latest",
}


@pytest.mark.parametrize(("text", "full"), FORMS.items(), ids=FORMS)
def test_a_reference_is_filled_in_as_docker_does(text: str, full: str) -> None:
    assert str(ImageReference.parse(text)) == full


@pytest.mark.parametrize("full", FORMS.values())
def test_the_full_form_is_read_as_itself(full: str) -> None:
    assert str(ImageReference.parse(full)) == full


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "Fraud",
            "team//fraud",
            "-fraud",
            "fraud:",
            "fraud:.x",
            f"fraud:{'x' * 129}",
            "fraud@",
            "fraud@sha256:12",
        ),
        *(f"fraud@{DIGEST.upper()}", "fraud@md5:0123", "https://registry.example/fraud", "registry..example/fraud"),
        *("registry.example:port/fraud", "fraud/", "a/" * 200 + "fraud", "fraud:3 ", "fraud\n", "te___am/fraud"),
    ],
)
def test_what_names_no_image_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="names no image"):
        ImageReference.parse(text)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reference = ImageReference.parse(text)
    except UsageError:
        return
    assert ImageReference.parse(str(reference)) == reference


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.9.1", "[::1]:5000"])
def test_this_machine_is_known(host: str) -> None:
    assert ImageReference.parse(f"{host}/fraud").is_local


@pytest.mark.parametrize("host", ["registry.example", "localhost.example:5000", "127.0.0.1.example", "10.0.0.1:5000"])
def test_other_machines_are_not_taken_for_this_one(host: str) -> None:
    assert not ImageReference.parse(f"{host}/fraud").is_local


PLATFORMS = [
    ("linux/amd64", "linux", "x86_64"),
    ("linux/arm64", "linux", "aarch64"),
    ("linux/arm/v7", "linux", "armv7l"),
    ("linux/386", "linux", "i686"),
    ("linux/s390x", "linux", "s390x"),
    ("windows/amd64", "windows", "amd64"),
]


@pytest.mark.parametrize(("text", "system", "machine"), PLATFORMS)
def test_a_platform_is_the_machine_that_python_would_name(text: str, system: str, machine: str) -> None:
    platform = ImagePlatform.parse(text)
    assert (platform.system, platform.machine, str(platform)) == (system, machine, text)
    assert ImagePlatform.of_machine(system, machine).serves(platform)


@pytest.mark.parametrize("text", ["linux", "linux/", "/amd64", "a/b/c/d", ""])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no platform"):
        ImagePlatform.parse(text)
