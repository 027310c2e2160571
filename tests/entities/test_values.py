"""Which JSON values a column takes: numbers, texts, flags, JSON and amounts of money."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from breezeway_sync.entities.decode import Json
from breezeway_sync.entities.model import ColumnKind
from breezeway_sync.entities.values import (
    FIT,
    MISFIT,
    dump,
    encode,
    fit_bigint,
    fit_boolean,
    fit_json,
    fit_money,
    fit_numeric,
    fit_text,
)
from tests.entities.strategies import any_text, dirty_values, formatted_text, json_values

D = Decimal
NOT_NUMBERS: tuple[Json, ...] = (
    None,
    True,
    False,
    "",
    " 1",
    "1 ",
    "+1",
    "007",
    "1.",
    ".5",
    "0x1",
    "1_000",
    "1,000",
    "NaN",
    "٣",
    [],
    {},
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (42, 42),
        ("42", 42),
        ("-7", -7),
        (D("42.0"), 42),
        ("42.0", 42),
        (D("4.2e1"), 42),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (str(2**63 - 1), 2**63 - 1),
        (D("9223372036854775807.0"), 2**63 - 1),
    ],
)
def test_a_whole_number_within_64_bits_is_a_bigint(value: Json, expected: int) -> None:
    found = fit_bigint(value)
    assert found == expected
    assert type(found) is int


@pytest.mark.parametrize(
    "value",
    [*NOT_NUMBERS, 2**63, -(2**63) - 1, str(2**63), D("42.5"), "42.5", D("9223372036854775808"), D("1e19"), D("1e-9")],
)
def test_what_is_no_whole_number_within_64_bits_is_no_bigint(value: Json) -> None:
    assert fit_bigint(value) is MISFIT


@pytest.mark.parametrize("value", [D("1e131000"), "1e131000", D("-1e130999"), D("1e-15999")])
def test_a_number_of_many_digits_is_refused_without_writing_them_out(value: Json) -> None:
    began = time.perf_counter()
    for _ in range(100):
        assert fit_bigint(value) is MISFIT
    assert time.perf_counter() - began < 0.1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (10**400, 10**400),
        (D("2.50"), D("2.50")),
        ("2.50", D("2.50")),
        ("-0.5e-3", D("-0.0005")),
        (D("123456789012.345678901"), D("123456789012.345678901")),
        ("100000000.01", D("100000000.01")),
        ("1e131000", D("1e131000")),
    ],
)
def test_numbers_and_texts_of_numbers_are_numeric(value: Json, expected: object) -> None:
    found = fit_numeric(value)
    assert found == expected
    assert str(found) == str(expected)


@pytest.mark.parametrize(
    "value", [*NOT_NUMBERS, D("1e131073"), "1e999999", D("1e-16384"), D("NaN"), D("Infinity"), "1" * 140_000]
)
def test_what_numeric_cannot_hold_is_a_misfit(value: Json) -> None:
    assert fit_numeric(value) is MISFIT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        ("x" * 100_000, "x" * 100_000),
        ("007", "007"),
        (7, "7"),
        (-(10**20), "-" + "1" + "0" * 20),
        (D("1.50"), "1.50"),
        (D("1E+3"), "1000"),
        (D("2.5e-7"), "0.00000025"),
    ],
)
def test_text_stays_and_numbers_become_their_digits(value: Json, expected: str) -> None:
    assert fit_text(value) == expected


@pytest.mark.parametrize("value", [None, True, False, [], ["a"], {}, {"code": "a"}, D("1e131000"), 10**4000, D("NaN")])
def test_what_has_no_one_text_is_no_text(value: Json) -> None:
    assert fit_text(value) is MISFIT


@pytest.mark.parametrize("value", [None, 0, 1, "true", "", D(1), [], {}])
def test_only_true_and_false_are_boolean(value: Json) -> None:
    assert fit_boolean(True) is True
    assert fit_boolean(False) is False
    assert fit_boolean(value) is MISFIT


@pytest.mark.parametrize(
    ("value", "amount", "currency"),
    [
        ("1,250.00 USD", "1250.00", "USD"),
        ("120.00 USD", "120.00", "USD"),
        ("0.05 USD", "0.05", "USD"),
        ("USD 12.5", "12.5", "USD"),
        ("-5.00 USD", "-5.00", "USD"),
        ("EUR -5", "-5", "EUR"),
        ("1,234,567.891 EUR", "1234567.891", "EUR"),
        ("123456789.01 USD", "123456789.01", "USD"),
        ("1,250.00", "1250.00", None),
        ("12.5", "12.5", None),
        (D("12.5"), "12.5", None),
        (12, "12", None),
    ],
)
def test_an_amount_with_or_without_its_currency_is_money(value: Json, amount: str, currency: str | None) -> None:
    found = fit_money(value)
    assert isinstance(found, tuple)
    assert str(found[0]) == amount
    assert found[1] == currency


@pytest.mark.parametrize(
    "value",
    [
        *("12,50 EUR", "1,2,3 USD", "$5", "12.5 usd", "12.5USD", "12.5 USD ", "12.5 DOLLARS", "USD", "USD 5 USD", ",5"),
        *("", " ", "free", "1,2500 USD", "12.5.0 USD", "1e5 USD", "٣ USD", "--5 USD", "9" * 1000 + " USD"),
        *(None, True, [], {}, ["12 USD"], {"amount": 12}),
    ],
)
def test_an_amount_that_could_be_read_in_two_ways_or_none_is_left_alone(value: Json) -> None:
    assert fit_money(value) is MISFIT


@pytest.mark.parametrize("value", ["", "a", 0, False, [], {}, [None], {"a": [1, D("2.50")]}, D("1e400")])
def test_json_takes_every_value_as_text_that_gives_it_back(value: Json) -> None:
    text = fit_json(value)
    assert isinstance(text, str)
    assert json.loads(text, parse_float=Decimal) == value


def test_every_kind_has_its_test() -> None:
    assert set(FIT) == set(ColumnKind)


@given(
    dirty_values | any_text | formatted_text,
    st.sampled_from([kind for kind in ColumnKind if kind is not ColumnKind.JSON]),
)
def test_nothing_raises_for_any_value(value: Json, kind: ColumnKind) -> None:
    FIT[kind](value)


@given(json_values)
def test_json_never_raises_for_what_has_been_cleaned(value: Json) -> None:
    assert isinstance(fit_json(value), str)


@given(formatted_text | json_values, st.sampled_from([ColumnKind.BIGINT, ColumnKind.NUMERIC]))
def test_a_number_that_fits_keeps_its_value(value: Json, kind: ColumnKind) -> None:
    found = FIT[kind](value)
    if found is not MISFIT:
        assert isinstance(value, str | int | Decimal)
        assert isinstance(found, int | Decimal)
        assert found == Decimal(value)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_id_fits_as_a_number_and_as_its_text(key: int) -> None:
    assert fit_bigint(key) == fit_bigint(str(key)) == fit_bigint(Decimal(key)) == key


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.integers())
def test_text_of_a_number_is_the_number(value: Decimal | int) -> None:
    found = fit_text(value)
    if found is not MISFIT:
        assert isinstance(found, str)
        assert Decimal(found) == value
        assert "E" not in found


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9))
def test_money_is_read_back_from_every_way_of_writing_it(amount: Decimal) -> None:
    for text in (f"{amount:.2f} USD", f"{amount:,.2f} USD", f"USD {amount:,.2f}"):
        assert fit_money(text) == (amount, "USD")


@given(json_values)
def test_encoding_is_equal_for_any_order_of_keys(value: Json) -> None:
    assert encode(_reversed(value)) == encode(value)


@given(json_values)
@example({"n": Decimal("1e131073")})
@example([Decimal("1e-99999")])
def test_dumped_json_holds_no_number_beyond_numeric(value: Json) -> None:
    assert _fits(json.loads(dump(value), parse_float=Decimal))


@pytest.mark.parametrize("text", ["1" * 140_000 + ".5", "0." + "1" * 20_000], ids=["long", "fine"])
def test_dumped_json_holds_no_number_beyond_numeric_written_out(text: str) -> None:
    (found,) = json.loads(dump([Decimal(text)]), parse_float=Decimal)
    assert type(found) is str
    assert found == text


def _reversed(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


def _fits(value: Json) -> bool:
    if isinstance(value, dict | list):
        return all(map(_fits, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, Decimal) or fit_numeric(value) is not MISFIT
