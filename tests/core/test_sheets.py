"""Tables as workbooks and CSV: typed, in the reader's formats, and no text that a programme works out."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from openpyxl import load_workbook

from amiable.core.sheets import Amount, Cell, Chart, Days, Series, Share, Sheet, csv_lines, workbook

NOW = datetime(2026, 5, 31, 18, tzinfo=UTC)
ROWS: list[list[Cell]] = [
    ["=1+1", Amount(123_456, "EUR"), Amount(1_500, "JPY"), Share(0.425), date(2026, 5, 31), Days(12.0), 3, 4.25],
    ["@SUM(A1)", Amount(-5, "EUR"), None, None, None, None, None, None],
    ["<b>&\x07" + "x" * 40_000, Amount(10, "USD"), Amount(7, "TND"), None, None, None, None, None],
]
HEADS = ["Name", "Amount", "Other", "Share", "Day", "Late", "Count", "Score"]


def made(*sheets: Sheet, language: str = "fr") -> bytes:
    file = io.BytesIO()
    workbook(sheets, to=file, title="Test", language=language, made_at=NOW)
    return file.getvalue()


def test_cells_have_types_and_the_formats_of_the_reader() -> None:
    for language, euros in (("fr", "#,##0.00\\ [$€]"), ("en", "[$€]#,##0.00")):
        page = load_workbook(io.BytesIO(made(Sheet(title="T", heads=HEADS, rows=ROWS), language=language)))["T"]
        name, amount, yen, share, day, late, count, score = page[4]
        assert (name.value, name.data_type) == ("=1+1", "s")
        assert (amount.value, amount.number_format) == (1_234.56, euros)
        assert yen.value == 1_500
        assert ".0" not in yen.number_format
        assert (share.value, share.number_format) == (0.425, "0.0%")
        assert (day.value, day.is_date) == (datetime(2026, 5, 31), True)
        assert (late.value, count.value, score.value) == (12, 3, 4.25)
        assert page["C5"].value is None  # nothing known is no nought
        assert page["C6"].value == 0.007
        assert (
            32_000 <= len(page["A6"].value) < 32_100
        )  # as long as a cell may be; the bell is told as a sign of its own
        assert page.freeze_panes == "B4"


def test_names_of_sheets_are_short_and_each_its_own() -> None:
    titles = ["A" * 40, "A" * 40, "a" * 40, "Week: [1] / 2", "'quoted'", "", "History"]
    names = load_workbook(io.BytesIO(made(*(Sheet(title=each, heads=["x"], rows=[]) for each in titles)))).sheetnames
    assert len({name.casefold() for name in names}) == len(titles)
    assert all(0 < len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)


def test_amounts_are_summed_each_currency_by_itself() -> None:
    page = load_workbook(io.BytesIO(made(Sheet(title="T", heads=HEADS, rows=ROWS, sum_name="Total"))))["T"]
    sums = {row[0].value: (row[1].value, row[2].value) for row in page.iter_rows(min_row=7)}
    assert sums == {
        "Total EUR": (1_234.51, None), "Total JPY": (None, 1_500), "Total TND": (None, 0.007), "Total USD": (0.1, None),
    }  # fmt: skip


def test_a_picture_is_the_spreadsheets_own() -> None:
    drawn = Chart(kind="stack", rows=2, series=[Series(column=1, colour="#0b6b5d"), Series(column=6, colour="#97291f")])
    page = load_workbook(io.BytesIO(made(Sheet(title="It's", heads=HEADS, rows=ROWS, chart=drawn))))["It's"]
    (chart,) = page._charts
    assert [str(each.val.numRef.f) for each in chart.series] == ["'It''s'!$B$4:$B$5", "'It''s'!$G$4:$G$5"]


def test_csv_is_read_by_the_spreadsheet_of_the_language() -> None:
    def said(language: str) -> list[str]:
        return b"".join(csv_lines(Sheet(title="T", heads=HEADS, rows=ROWS), language=language)).decode().splitlines()

    french, english = said("fr"), said("en")
    assert french[0] == "\ufeff" + ";".join(HEADS)
    assert french[1] == "'=1+1;1234,56;1500;0,425;2026-05-31;12;3;4,25"
    assert english[1] == "'=1+1,1234.56,1500,0.425,2026-05-31,12,3,4.25"
    assert english[2] == "'@SUM(A1),-0.05,,,,,,"


def test_rows_are_taken_one_by_one() -> None:
    asked = 0

    def many() -> Iterator[list[Cell]]:
        nonlocal asked
        for n in range(5_000):
            asked += 1
            yield [f"Customer {n}", Amount(n, "EUR")]

    lines = csv_lines(Sheet(title="T", heads=["a", "b"], rows=many()), language="fr")
    next(lines), next(lines)
    assert asked < 1_000
    assert sum(line.count(b"\n") for line in lines) > 4_000


@pytest.mark.long
def test_fifty_thousand_rows_take_little_memory() -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = ([f"Customer {n}", *(Amount(n * k, "EUR") for k in range(10))] for n in range(50_000))
    assert len(made(Sheet(title="T", heads=["x"] * 11, rows=rows))) > 1_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB
