"""Canonical JSON: one value, one sequence of bytes."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelreg import IntegrityError, ModelregError
from modelreg.canonical import MAX_BYTES, decode, encode

_text = st.text(st.characters(exclude_categories=["Cs"]))
_leaves = st.none() | st.booleans() | st.integers() | _text
_values = st.recursive(_leaves, lambda inner: st.lists(inner) | st.dictionaries(_text, inner), max_leaves=8)
objects = st.dictionaries(_text, _values)

REFUSED = {
    "nothing": b"",
    "white space": b" ",
    "a space in front": b' {"a":1}',
    "a space behind": b'{"a":1} ',
    "a line feed behind": b'{"a":1}\n',
    "a null byte behind": b'{"a":1}\0',
    "a space after the colon": b'{"a": 1}',
    "a space after the comma": b'{"a":1, "b":2}',
    "a list": b"[]",
    "a string": b'"a"',
    "a number": b"1",
    "null": b"null",
    "keys out of order": b'{"b":1,"a":2}',
    "a key twice": b'{"a":1,"a":1}',
    "a key twice, further in": b'{"a":[{"b":1,"b":2}]}',
    "a key twice, once escaped": b'{"a":1,"\\u0061":1}',
    "not a number": b'{"a":NaN}',
    "infinity": b'{"a":Infinity}',
    "negative infinity": b'{"a":-Infinity}',
    "a fraction": b'{"a":1.5}',
    "a whole number as a fraction": b'{"a":1.0}',
    "an exponent": b'{"a":1e3}',
    "an exponent beyond a double": b'{"a":1e999}',
    "minus zero": b'{"a":-0}',
    "a zero in front": b'{"a":01}',
    "a plus sign": b'{"a":+1}',
    "an integer of 5,000 digits": b'{"a":' + b"1" * 5000 + b"}",
    "a needless escape": b'{"a":"\\u0062"}',
    "an escape in capitals": b'{"a":"\\u001F"}',
    "an escaped slash": b'{"a":"\\/"}',
    "an escaped letter beyond ASCII": b'{"a":"\\u00e4"}',
    "a lone surrogate, escaped": b'{"a":"\\ud800"}',
    "a lone surrogate as a key": b'{"\\ud800":1}',
    "a lone surrogate, encoded": b'{"a":"\xed\xa0\x80"}',
    "a control character": b'{"a":"\x01"}',
    "a byte-order mark": b'\xef\xbb\xbf{"a":1}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a":1}'.encode("utf-16-le"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "Latin-1": b'{"a":"\xe4"}',
    "an overlong encoding": b'{"a":"\xc0\x80"}',
    "single quotes": b"{'a':1}",
    "a comma too many": b'{"a":1,}',
    "a comment": b'{"a":1/**/}',
    "two objects": b"{}{}",
    "half an object": b'{"a":',
    "half a string": b'{"a":"',
    "half a letter": '{"a":"ä'.encode()[:-1],
}


@settings(max_examples=50)
@given(objects)
def test_what_is_encoded_decodes_to_itself(value: dict[str, object]) -> None:
    data = encode(value)
    assert decode(data) == value
    assert json.loads(data) == value


@settings(max_examples=50)
@given(objects)
def test_the_order_in_which_keys_were_written_leaves_no_trace(value: dict[str, object]) -> None:
    assert encode(dict(reversed(value.items()))) == encode(value)


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_bytes_that_are_not_exactly_the_encoding_are_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(IntegrityError) as caught:
        decode(data)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@given(st.binary())
def test_arbitrary_bytes_are_the_encoding_of_what_they_say_or_damage(data: bytes) -> None:
    _is_canonical_or_damage(data)


@given(st.text(alphabet='{}[]",:\\u0123456789aeEtrufalsn. -+\n').map(str.encode))
def test_bytes_that_resemble_json_are_the_encoding_of_what_they_say_or_damage(data: bytes) -> None:
    _is_canonical_or_damage(data)


@pytest.mark.parametrize("opening", [b'{"a":', b"["], ids=["objects", "lists"])
def test_however_deep_a_record_nests_nothing_but_damage_is_reported(opening: bytes) -> None:
    closing = b"}" if opening[:1] == b"{" else b"]"
    for depth in [*range(1, 60), *range(60, 1200, 7), 10_000, 200_000]:
        _is_canonical_or_damage(b'{"a":' + opening * depth + b"1" + closing * depth + b"}")


def test_a_record_of_the_greatest_size_is_read_and_one_byte_more_is_not() -> None:
    largest = b'{"a":"' + b"x" * (MAX_BYTES - 8) + b'"}'
    assert len(largest) == MAX_BYTES
    assert encode(decode(largest)) == largest
    with pytest.raises(IntegrityError, match="larger than"):
        decode(largest[:-2] + b'x"}')
    with pytest.raises(IntegrityError, match="larger than"):
        encode({"a": "x" * (MAX_BYTES - 7)})


def test_text_that_utf_8_cannot_hold_is_not_encoded() -> None:
    with pytest.raises(IntegrityError):
        encode({"a": "\ud800"})


def _is_canonical_or_damage(data: bytes) -> None:
    try:
        value = decode(data)
    except ModelregError as error:
        assert type(error) is IntegrityError  # noqa: PT017  # nothing else may come
    else:
        assert encode(value) == data
