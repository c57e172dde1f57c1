"""Rates that came out after this version: written in the home folder, said by the doctor where they lack."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from amiable.law import late
from amiable.ledger.diagnose import diagnose

FAR = date(2090, 1, 1)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AMIABLE_HOME", str(tmp_path))
    late._series.cache_clear()
    yield
    late._series.cache_clear()


def write(text: str) -> None:
    late.own_rates().write_text(text, encoding="utf-8")


def test_a_rate_of_the_installation_counts_beside_the_shipped_ones() -> None:
    shipped = late.reference("ecb_refinancing", date(2026, 1, 1))
    late._series.cache_clear()
    write('ecb_refinancing:\n  - {from: 2090-01-01, percent: "2,40", source: "ecb.europa.eu"}\n')
    assert late.reference("ecb_refinancing", FAR) == late.Reference(24_000, "ecb.europa.eu")
    assert late.reference("ecb_refinancing", date(2026, 1, 1)) == shipped
    assert late.reference("ecb_refinancing", date(2090, 7, 1)) is None


@pytest.mark.parametrize(
    "text",
    [
        'unknown:\n  - {from: 2090-01-01, percent: "2.40", source: "x"}',
        'ecb_refinancing:\n  - {from: 2090-01-02, percent: "2.40", source: "x"}',
        'ecb_refinancing:\n  - {from: 2090-01-01, percent: "two", source: "x"}',
        'ecb_refinancing:\n  - {from: 2090-01-01, percent: "2.40"}',
        "ecb_refinancing: 2.40",
        "- nothing",
        "{",
    ],
)
def test_what_is_written_wrongly_is_told_in_one_sentence_and_by_the_doctor(text: str) -> None:
    write(text)
    with pytest.raises(late.UnableToReadRates, match="cannot be read"):
        late.reference("ecb_refinancing", FAR)
    assert [each.ok for each in diagnose(as_of=FAR)] == [False]


def test_the_doctor_says_what_lacks_now_and_what_will_soon() -> None:
    assert [each.ok for each in diagnose(as_of=FAR)] == [False]
    assert [each.ok for each in diagnose(as_of=date(2026, 9, 1))] == []
    assert [each.ok for each in diagnose(as_of=date(2026, 12, 1))] == [None]
