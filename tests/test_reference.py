"""References: what a person types to name a model or a version."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelreg import ModelregError, Reference, UsageError
from modelreg.reference import check_alias_name, check_model_name

DIGEST = "sha256:" + "0123456789abcdef" * 4

_INNER = string.ascii_lowercase + string.digits + "._-"
_DEVICES = {"con", "prn", "aux", "nul"}
names = (
    st.from_regex(r"[a-z0-9][a-z0-9._-]{0,61}[a-z0-9]|[a-z0-9]", fullmatch=True)
    .filter(lambda name: name.split(".")[0] not in _DEVICES)
    .filter(lambda name: name.split(".")[0][:3] not in ("com", "lpt"))
)
alias_names = names.filter(lambda name: not name.isdecimal() and name not in ("latest", "sha256"))
_none = st.none()  # else hypothesis would make something up
references = st.one_of(
    st.builds(Reference, names, version=st.integers(1, 99_999_999), alias=_none, digest=_none),
    st.builds(Reference, names, version=_none, alias=alias_names | st.just("latest"), digest=_none),
    st.builds(
        Reference, names, version=_none, alias=_none, digest=st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
    ),
)

ACCEPTED = {
    "fraud": Reference("fraud", alias="latest"),
    "fraud:latest": Reference("fraud", alias="latest"),
    "fraud@latest": Reference("fraud", alias="latest"),
    "fraud:3": Reference("fraud", version=3),
    "fraud:99999999": Reference("fraud", version=99_999_999),
    "fraud@production": Reference("fraud", alias="production"),
    "fraud:production": Reference("fraud", alias="production"),
    "fraud@v2": Reference("fraud", alias="v2"),
    "fraud@2024-06": Reference("fraud", alias="2024-06"),
    f"fraud@{DIGEST}": Reference("fraud", digest=DIGEST),
    "0": Reference("0", alias="latest"),
    "a.b_c-d": Reference("a.b_c-d", alias="latest"),
    "console": Reference("console", alias="latest"),
    "a" * 63: Reference("a" * 63, alias="latest"),
}

HOSTILE = {
    "nothing": "",
    "a path upwards": "../x",
    "a path": "a/b",
    "an absolute path": "/etc/passwd",
    "a path of Windows": "a\\b",
    "dots": "..",
    "a dot in front": ".hidden",
    "an option": "-rf",
    "upper case": "Fraud",
    "a space": "fraud model",
    "another alphabet": "frаud",  # noqa: RUF001  # a Cyrillic letter, which is the point
    "a letter of full width": "ｆraud",  # noqa: RUF001  # as said
    "64 characters": "a" * 64,
    "300 characters": "a" * 300,
    "a dot at the end": "fraud.",
    "a dash at the end": "fraud-",
    "a device": "con",
    "a device with an ending": "nul.txt",
    "a numbered device": "com1",
    "a line feed at the end": "fraud\n",
    "a null character": "fraud\0",
    "an escape": "\x1b[31mfraud",
    "a right-to-left override": "fraud\u202e",
    "a lone surrogate": "fraud\udc80",
    "version 0": "fraud:0",
    "version 01": "fraud:01",
    "a negative version": "fraud:-1",
    "a version with a sign": "fraud:+1",
    "a version of full width": "fraud:１",  # noqa: RUF001  # as said
    "an Arabic version": "fraud:٣",
    "a superscript version": "fraud:²",
    "a version with an underscore": "fraud:1_0",
    "a version with a space": "fraud: 1",
    "a version with a line feed": "fraud:1\n",
    "a fraction": "fraud:1.0",
    "nine digits": "fraud:123456789",
    "5,000 digits": "fraud:" + "1" * 5000,
    "no version": "fraud:",
    "no alias": "fraud@",
    "two versions": "fraud:1:2",
    "a number as an alias": "fraud@3",
    "a number of full width as an alias": "fraud@３",  # noqa: RUF001  # as said
    "two aliases": "fraud@a@b",
    "an alias that is a path": "fraud@../x",
    "an alias in upper case": "fraud@Production",
    "an alias that is a device": "fraud@aux",
    "the word sha256": "fraud@sha256",
    "an empty digest": "fraud@sha256:",
    "a short digest": f"fraud@{DIGEST[:-1]}",
    "a long digest": f"fraud@{DIGEST}0",
    "a digest in upper case": f"fraud@sha256:{'A' * 64}",
    "a digest with a line feed": f"fraud@{DIGEST}\n",
    "a digest of full width": f"fraud@sha256:{'１' * 64}",  # noqa: RUF001  # as said
    "another digest": "fraud@md5:" + "0" * 32,
    "a version and a digest": f"fraud:3@{DIGEST}",
    "no model": ":3",
    "no model before an alias": "@production",
}


@pytest.mark.parametrize("text", ACCEPTED, ids=lambda text: text[:20])
def test_a_reference_means_what_it_says(text: str) -> None:
    assert Reference.parse(text) == ACCEPTED[text]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_reference_is_refused_in_one_short_printable_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Reference.parse(text)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 350


@given(references)
def test_a_reference_survives_being_printed_and_parsed(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference


@given(st.text() | st.text(alphabet="fraud:@123shap56latestcon._-"))
def test_whatever_is_typed_is_a_reference_that_prints_itself_or_a_usage_error(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except ModelregError as error:
        assert type(error) is UsageError  # noqa: PT017  # nothing else may come
    else:
        assert Reference.parse(str(reference)) == reference
        assert set(reference.model) <= set(_INNER)


@pytest.mark.parametrize("text", [text for text in HOSTILE.values() if ":" not in text and "@" not in text])
def test_the_name_of_a_model_keeps_the_same_rules_without_a_version(text: str) -> None:
    with pytest.raises(UsageError):
        check_model_name(text)


def test_a_refused_name_comes_with_one_that_would_do() -> None:
    with pytest.raises(UsageError, match=r"such as my-model-v2$"):
        check_model_name("My Model (v2)")


def test_the_name_of_a_device_is_refused_for_what_it_is() -> None:
    with pytest.raises(UsageError, match="Windows"):
        check_model_name("con")


@given(st.text(max_size=100) | st.sampled_from(["con", "NUL", "aux .x", "com1." + "a" * 70]))
def test_a_name_that_is_suggested_is_a_name(name: str) -> None:
    try:
        check_model_name(name)
    except UsageError as error:
        _, found, suggestion = str(error).rpartition("such as ")
        if found:
            check_model_name(suggestion)


@pytest.mark.parametrize("name", ["latest", "sha256", "7", "007", "１"])  # noqa: RUF001  # as said
def test_reserved_names_are_no_aliases(name: str) -> None:
    with pytest.raises(UsageError):
        check_alias_name(name)


def test_a_version_out_of_reach_is_told_from_one_that_is_no_number() -> None:
    with pytest.raises(UsageError, match="99999999"):
        Reference.parse("fraud:123456789")
