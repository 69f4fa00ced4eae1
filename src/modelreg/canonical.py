"""Canonical JSON: one value, one sequence of bytes. The rules are in docs/format.md."""

import json
from typing import Never

from modelreg.errors import IntegrityError

MAX_BYTES = 16 * 1024 * 1024
"""The largest record that is written or read."""


def encode(value: object) -> bytes:
    """Return the canonical encoding of `value`: sorted keys, no white space, UTF-8.

    Raises:
        IntegrityError: what JSON or UTF-8 cannot hold, or more than MAX_BYTES.
    """
    try:
        data = _dump(value)
    except (ValueError, TypeError, RecursionError):
        raise IntegrityError("a record cannot hold this: only what JSON knows, and valid Unicode") from None
    if len(data) > MAX_BYTES:
        raise IntegrityError(
            f"a record of {len(data):,} bytes is larger than the {MAX_BYTES:,} that are allowed; "
            "register fewer files, or shorter texts"
        )
    return data


def decode(data: bytes) -> dict[str, object]:
    """Read one object from its canonical encoding.

    Raises:
        IntegrityError: the bytes are not exactly the canonical encoding of an object.
    """
    if len(data) > MAX_BYTES:
        raise IntegrityError(f"is larger than the {MAX_BYTES:,} bytes that are allowed")
    try:
        value: object = _DECODER.decode(data.decode())
        if not isinstance(value, dict):
            raise IntegrityError("is not a JSON object")
        canonical = _dump(value) == data
    except (ValueError, RecursionError):
        raise IntegrityError("is not valid JSON") from None
    if not canonical:
        raise IntegrityError("is not in canonical form, so it was edited")
    return value


def _dump(value: object) -> bytes:
    return _ENCODER.encode(value).encode()


def _refuse(text: str) -> Never:
    raise IntegrityError(f"is not valid: {text[:20]} is no integer")


# A key that stands twice needs no look of its own: it does not survive the comparison with the encoding.
_DECODER = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
