"""Which texts are moments, days and times of day, and which are not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from breezeway_sync.entities.decode import Json
from breezeway_sync.entities.values import MISFIT, fit_date, fit_time, fit_timestamp
from tests.entities.strategies import any_text, clock_text, formatted_text, moments, stamp_text

NO_TEXT: tuple[Json, ...] = (None, True, 0, 1_700_000_000, [], {}, ["2022-06-11"])


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-06-11T00:28:25", "2022-06-11T00:28:25"),
        ("2022-06-11T00:28:25Z", "2022-06-11T00:28:25"),
        ("2022-06-11T00:28:25z", "2022-06-11T00:28:25"),
        ("2022-06-11T00:28:25+00:00", "2022-06-11T00:28:25"),
        ("2022-06-11T00:28:25-00:00", "2022-06-11T00:28:25"),
        ("2022-06-11T00:28:25+05:30", "2022-06-10T18:58:25"),
        ("2022-06-11T00:28:25+0530", "2022-06-10T18:58:25"),
        ("2022-06-11T00:28:25-08", "2022-06-11T08:28:25"),
        ("2022-06-11 00:28:25", "2022-06-11T00:28:25"),
        ("2022-06-11 00:28:25+00", "2022-06-11T00:28:25"),
        ("2022-06-11 00:28:25 +05:30", "2022-06-10T18:58:25"),
        ("2022-06-11T00:28", "2022-06-11T00:28:00"),
        ("2022-06-11T00:28:25.1", "2022-06-11T00:28:25.100000"),
        ("2022-06-11T00:28:25.123456Z", "2022-06-11T00:28:25.123456"),
        ("2022-06-11T00:28:25.123456000Z", "2022-06-11T00:28:25.123456"),
        ("2022-06-11T00:28:25.000000000+01:00", "2022-06-10T23:28:25"),
        ("0001-01-01T00:00:00", "0001-01-01T00:00:00"),
        ("0001-01-01T05:00:00+05:00", "0001-01-01T00:00:00"),
        ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999"),
        ("2024-02-29T00:00:00", "2024-02-29T00:00:00"),
    ],
)
def test_a_moment_is_read_in_utc(text: str, expected: str) -> None:
    found = fit_timestamp(text)
    assert isinstance(found, datetime)
    assert found == utc(expected)
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        *("2022-06-11", "2022-06-11T", "2022-06-11T00", "20220611T002825", "11.06.2022 00:28", "yesterday"),
        *("2022-06-11T00:28:25.1234567", "2022-06-11T00:28:25.", "2022-06-11T00:28:25,5", "", "1655000000"),
        *("2022-06-11T24:00:00", "2022-06-11T23:59:60", "2022-06-11T23:60:00", "2022-06-11T00:28:25+24:00"),
        *("2022-02-30T00:00:00", "2022-13-01T00:00:00", "2022-00-01T00:00:00", "2023-02-29T00:00:00"),
        *("0000-01-01T00:00:00", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"),
        *("10000-01-01T00:00:00", "-2022-06-11T00:00:00", "２022-06-11T00:28:25", " 2022-06-11T00:28:25"),
        *("2022-06-11T00:28:25.0000001", "2022-06-11T00:28:25 UTC", "2022-06-11T00:28:25+5"),
        "2022-06-11T00:28:25Z\n",
        *NO_TEXT,
    ],
)
def test_what_is_no_moment_to_the_microsecond_is_a_misfit(value: Json) -> None:
    assert fit_timestamp(value) is MISFIT


def test_half_a_minute_is_not_read_as_half_a_second() -> None:
    assert fit_timestamp("2022-06-11T00:28.5") in (MISFIT, utc("2022-06-11T00:28:30"))


@pytest.mark.parametrize("text", ["2022-06-11", "0001-01-01", "9999-12-31", "2024-02-29"])
def test_a_day_is_read_as_it_is_written(text: str) -> None:
    assert fit_date(text) == date.fromisoformat(text)


@pytest.mark.parametrize(
    "value",
    [
        *("2023-02-29", "2022-13-01", "0000-01-01", "20220611", "2022-6-1", "2022-W01-1", "2022-06-11T00:00:00"),
        *("", "06/11/2022", " 2022-06-11", "2022-06-11\n", "２022-06-11"),
        *NO_TEXT,
    ],
)
def test_what_is_no_day_is_a_misfit(value: Json) -> None:
    assert fit_date(value) is MISFIT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15:30:00", time(15, 30)),
        ("09:00:49", time(9, 0, 49)),
        ("09:00", time(9)),
        ("00:00:00.5", time(0, 0, 0, 500_000)),
        ("23:59:59.999999", time(23, 59, 59, 999_999)),
        ("12:00:00.120000000", time(12, 0, 0, 120_000)),
        ("12:00:00.000", time(12)),
    ],
)
def test_a_time_of_day_is_read_as_it_is_written(text: str, expected: time) -> None:
    assert fit_time(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("24:00:00", "23:59:60", "9:00", "09", "0900", "12:00:00.1234567", "12:00:00.", "12:00.5", "12:00:00Z"),
        *("12:00:00+00:00", "12:00 PM", "", " 12:00", "12:00\n", "1:45:00", "26:00:00", "2022-06-11T12:00:00"),
        *NO_TEXT,
    ],
)
def test_what_is_no_time_of_day_is_a_misfit(value: Json) -> None:
    assert fit_time(value) is MISFIT


@given(moments, st.sampled_from(["T", " "]), st.sampled_from(["auto", "seconds", "microseconds", "minutes"]))
def test_every_moment_that_was_written_is_read_back(moment: datetime, separator: str, timespec: str) -> None:
    text = moment.isoformat(separator, timespec)
    try:
        expected: object = datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        expected = MISFIT
    assert fit_timestamp(text) == expected


@given(formatted_text | stamp_text | any_text)
@example("2022-06-11T00:28:25.5-23:59")
def test_a_moment_that_fits_is_the_standard_librarys_reading(text: str) -> None:
    found = fit_timestamp(text)
    if found is not MISFIT:
        read = datetime.fromisoformat(text)
        assert found == (read if read.tzinfo else read.replace(tzinfo=UTC))


@given(formatted_text | stamp_text | any_text)
def test_a_day_that_fits_is_written_the_same(text: str) -> None:
    found = fit_date(text)
    if found is not MISFIT:
        assert isinstance(found, date)
        assert found.isoformat() == text


@given(formatted_text | clock_text | any_text)
def test_a_time_that_fits_is_the_standard_librarys_reading(text: str) -> None:
    found = fit_time(text)
    if found is not MISFIT:
        assert found == time.fromisoformat(text)
        assert isinstance(found, time)
        assert found.tzinfo is None


@given(st.times())
def test_every_time_of_day_is_read_back(moment: time) -> None:
    assert fit_time(moment.isoformat()) == moment
