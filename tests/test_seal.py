"""Sealing records: what was sealed is read back, and not one byte may differ."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_canonical import objects

from modelreg import IntegrityError
from modelreg.canonical import encode
from modelreg.records import seal, unseal

OP, CREATED = "0" * 32, "2026-01-02T03:04:05Z"
HEAD = {"format": 1, "kind": "version", "op": OP, "created": CREATED, "created_by": "anna"}
# What sorts before and behind `check`, and what looks like one.
bodies = objects.map(lambda body: {f"{'az'[len(name) % 2]}{name}": value for name, value in body.items()})


@given(bodies)
@example({"artifact": {"check": "0" * 64, "digest": ""}})
@example({"tags": {"check": "0" * 64, "z": ""}})
@example({"tags": {"a": '"check":"' + "0" * 64 + '",'}})
def test_what_was_sealed_is_read_back(body: dict[str, object]) -> None:
    data = seal("version", OP, CREATED, "anna", body)
    assert unseal("version", data).mapping == {**body, **HEAD}
    assert set(json.loads(data)) == {*body, *HEAD, "check"}


@given(bodies, st.data())
def test_any_byte_that_changed_is_noticed(body: dict[str, object], choice: st.DataObject) -> None:
    data = bytearray(seal("version", OP, CREATED, "anna", body))
    position = choice.draw(st.integers(0, len(data) - 1))
    data[position] ^= choice.draw(st.integers(1, 255))
    with pytest.raises(IntegrityError):
        unseal("version", bytes(data))


@given(bodies)
def test_a_check_copied_into_another_record_is_of_no_use_there(body: dict[str, object]) -> None:
    check = json.loads(seal("version", OP, CREATED, "anna", body))["check"]
    for other in ({**HEAD, **body, "zz": 1}, {**HEAD, "a": {"check": check, "z": 1}}):
        with pytest.raises(IntegrityError, match="check does not agree"):
            unseal("version", encode({**other, "check": check}))
