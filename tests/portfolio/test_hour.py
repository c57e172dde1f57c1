"""The best hour to ring is named only where enough is known."""

from datetime import UTC, datetime

from amiable.portfolio.hour import best


def at(hour: int, day: int = 2) -> datetime:
    return datetime(2026, 3, day, hour, 20, tzinfo=UTC)


def test_too_little_says_nothing() -> None:
    assert best(answered=[], opened=[]) is None
    assert best(answered=[at(10)], opened=[at(10)]) is None


def test_scattered_over_the_day_says_nothing() -> None:
    assert best(answered=[], opened=[at(hour) for hour in range(0, 24, 3)]) is None


def test_the_two_hours_that_hold_the_most() -> None:
    found = best(answered=[at(10), at(11), at(10, 3)], opened=[at(18), at(20)])
    assert found is not None
    assert (found.hour, found.calls, found.opens) == (10, 3, 2)
    assert found.weekday == 0  # two of the three on a Monday, none else as often


def test_an_answered_call_says_more_than_an_opened_message() -> None:
    found = best(answered=[at(9), at(9, 4)], opened=[at(20), at(20, 5), at(20, 6)])
    assert found is not None
    assert found.hour == 9
