"""Boards as workbooks and as paper: every number, every picture, and nothing that a programme would work out."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils.translation import override
from openpyxl import load_workbook
from pypdf import PdfReader

from amiable.core.typeset import pages
from amiable.insight import board as boards
from amiable.insight import to_workbook
from amiable.insight.board import Board
from amiable.insight.to_paper import board_data, board_pdf
from amiable.ledger.models import Creditor
from tests.insight.board_rows import DAY, FORMULA, full
from tests.insight.rows import creditor

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 31, 18, tzinfo=UTC)
SPACES = str.maketrans({"\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " "})


@pytest.fixture
def helia() -> Creditor:
    return creditor()


def book(board: Board, language: str = "en") -> Any:
    file = io.BytesIO()
    with override(language):
        to_workbook.write(board, to=file, made_at=NOW)
    return load_workbook(file)


def paper(board: Board, language: str = "en") -> bytes:
    with override(language):
        return board_pdf(board, made_at=NOW)


def text(content: bytes) -> str:
    found = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    return found.translate(SPACES)


def test_a_workbook_has_the_tiles_first_and_a_sheet_a_section(helia: Creditor) -> None:
    made = book(full(helia))
    assert len(made.sheetnames) == 8
    tiles = made["Direction"]
    rows = {row[0].value: row for row in tiles.iter_rows() if row[0].value}
    assert "Input errors have doubled." in rows
    rate, overdue, csat = rows["Recovery rate"], rows["Overdue"], rows["Satisfaction"]
    assert [cell.value for cell in rate[1:4]] == pytest.approx([0.425, 0.4, 0.025])
    assert (rate[4].value, rate[5].value) == (42.5, 100)
    assert (overdue[1].value, overdue[1].number_format) == (12_345.67, "[$€]#,##0.00")
    assert overdue[7].value == "What is late."
    assert [cell.value for cell in csat[1:4]] == [None, 4.2, None]
    stack = made["Ageing by segment with a very l"]
    assert any(row[0].value == FORMULA and row[0].data_type == "s" for row in stack.iter_rows())
    total = next(row for row in stack.iter_rows() if row[0].value == "Total")
    assert (total[1].value, total[1].font.b) == (500, True)
    assert [len(page._charts) for page in made.worksheets] == [0, 1, 1, 1, 1, 1, 0, 0]
    assert not any(cell.data_type == "f" for page in made.worksheets for row in page.iter_rows() for cell in row)


def test_another_currency_has_its_own_format(helia: Creditor) -> None:
    yen = book(full(helia, "JPY"))["Direction"]
    value = next(row for row in yen.iter_rows() if row[0].value == "Overdue")[1]
    assert (value.value, value.number_format) == (1_234_567, "[$JP¥]#,##0")
    assert "JP¥1,234,567" in text(paper(full(helia, "JPY")))


def test_paper_says_it_in_the_readers_language_and_twice_the_same(helia: Creditor) -> None:
    content = paper(full(helia), "fr")
    said = text(content)
    for words in ("12 346 €", "42,5 %", "Helia", "31 mai 2026", "Page 1 sur 2", FORMULA, "Nobody was called."):
        assert words in said, words
    assert content == paper(full(helia), "fr")
    reader = PdfReader(io.BytesIO(content))
    assert pages(content) == len(reader.pages) == 2
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]  # tagged
    assert "£" not in said
    assert "€12,346" in text(paper(full(helia), "en"))


def test_a_brief_board_is_one_page_however_much_it_has(helia: Creditor) -> None:
    short = replace(full(helia), brief=True)
    assert pages(paper(short)) == 1
    assert pages(paper(replace(short, sections=[*short.sections, *short.sections[:4]]))) == 1


def test_a_picture_stands_in_words_too(helia: Creditor) -> None:
    with override("en"):
        told = {each["title"]: each["picture"] for each in board_data(full(helia), NOW)["sections"]}
    assert "E-mail: Rate 32.0%" in told["By channel"]["alt"]
    assert told["By channel"]["series"][0]["values"][2] is None  # not known is not drawn
    lines = told["Received: by [week] / day"]
    assert 0 < lines["zero"] < 1  # below nought too
    assert all(0 <= value <= 1 for each in lines["series"] for value in each["values"] if value is not None)
    assert told["Nothing here"] is None


@pytest.mark.parametrize("key", list(boards.plans()))
def test_every_board_of_an_empty_portfolio_leaves(helia: Creditor, key: str) -> None:
    with override("fr"):
        board = boards.show(key=key, creditor=helia, as_of=DAY, days=30)
        content = board_pdf(board, made_at=NOW)
    assert pages(content) == 1
    assert "Rien n’a encore été mesuré" in text(content)
    assert len(book(board, "fr").sheetnames) == 1
