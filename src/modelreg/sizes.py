"""Numbers of bytes, as people type them."""

import re

from modelreg.errors import UsageError

_SIZE = r"([0-9]{1,15})(?:\.([0-9]{1,3}))?\s*([kmgt]?)b?"
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parse_size(text: str) -> int:
    """Return a number of bytes such as `20GB`, `1.5 GB` or `500MB` (1 MB = 1,000,000 bytes).

    Raises:
        UsageError: it is none.
    """
    match = re.fullmatch(_SIZE, text.strip(), re.ASCII | re.IGNORECASE)
    if match is None:
        raise UsageError(f"{text!r} is no size; write 20GB or 500MB")
    whole, fraction, unit = match[1], match[2] or "", _UNITS[match[3].lower()]
    return int(whole) * unit + int(fraction.ljust(3, "0")) * unit // 1000
