"""Digests are the same, whatever makes them."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from modelreg.digest import sha256_of
data = b"abc" * int(sys.argv[1])
digest, loaded = sha256_of(data), "hashlib" in sys.modules
import hashlib
assert digest == hashlib.sha256(data).hexdigest() == sha256_of(data)
print(loaded)
"""


@pytest.mark.parametrize(("count", "loaded"), [(0, False), (1, False), (10_000, False), (2_000_000, True)])
def test_openssl_is_loaded_only_for_what_is_large(count: int, loaded: bool) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(count)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{loaded}\n"
