"""Metrics: numbers from people and programs, kept as decimals."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelreg import UsageError
from modelreg.manifest import as_number
from modelreg.records import metric


@pytest.mark.parametrize(
    ("given_", "stored"),
    [
        ("0.93", "0.93"),
        (0.93, "0.93"),
        (1, "1"),
        ("-1", "-1"),
        ("+1.50", "+1.50"),
        ("1e-05", "1e-05"),
        (1e-05, "1e-05"),
        (1e22, "1e+22"),
        ("1E5", "1e5"),
        (".93", "0.93"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        (" 0.5 ", "0.5"),
        (Decimal("0.10"), "0.10"),
        (Decimal("1E+3"), "1e+3"),
    ],
)
def test_a_metric_is_kept_as_the_decimal_it_was_given_as(given_: str | float | Decimal, stored: str) -> None:
    assert metric("auc", given_) == stored


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "good", "nan", "inf", "-Infinity", "1_0", "1,5", "0x10", "1e", "e5", ".", "1e400", "--1", "1 2"),
        *(float("nan"), float("inf"), Decimal("sNaN"), Decimal("1e999999"), True, "1" * 101),
        "１",  # noqa: RUF001  # a digit of full width
    ],
    ids=str,
)
def test_what_is_no_finite_number_is_no_metric(value: str | float | Decimal) -> None:
    with pytest.raises(UsageError, match="the metric auc"):
        metric("auc", value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_as_the_same_number(value: float) -> None:
    assert as_number(metric("auc", value)) == value


@given(st.integers(-(10**60), 10**60))
def test_a_whole_number_comes_back_exactly_and_whole(value: int) -> None:
    number = as_number(metric("rows", value))
    assert isinstance(number, int)
    assert number == value
