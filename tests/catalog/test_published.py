"""What others measured, against the prediction: each lies in its interval, or is known to miss."""

from __future__ import annotations

import pytest

from freehold.catalog.published import Compared, error, published_table
from freehold.sizing.held import Interval


@pytest.fixture(scope="module")
def table() -> tuple[Compared, ...]:
    return published_table()


def test_every_report_with_a_machine_is_predicted(table: tuple[Compared, ...]) -> None:
    assert len(table) >= 8
    for row in table:
        assert (row.speed is None) == (row.report.hardware is None), row.report


def test_what_was_reported_lies_within_what_is_predicted(table: tuple[Compared, ...]) -> None:
    missed = [row.report for row in table if row.is_inside is False]
    assert missed == []


def test_what_is_expected_is_near_what_was_reported(table: tuple[Compared, ...]) -> None:
    # No constant was read from these: a wide interval alone would prove little.
    errors = [
        abs(row.decode_error)
        for row in table
        if row.decode_error is not None and not row.report.is_calibration
    ]
    assert len(errors) >= 6
    assert max(errors) < 0.35
    assert sum(errors) / len(errors) < 0.15


def test_within_a_reported_range_there_is_no_error() -> None:
    assert error(Interval(1, 5, 9), (4, 6)) == 0
    assert error(Interval(1, 8, 9), (2, 4)) == 1
    assert error(Interval(1, 2, 9), (4, 6)) == -0.5


def test_every_report_says_where_it_is_from(table: tuple[Compared, ...]) -> None:
    assert all(row.report.source and row.report.note for row in table)
