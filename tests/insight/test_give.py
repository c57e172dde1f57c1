"""Figures leave as CSV and Parquet: the newest word of each day, and nothing of another creditor."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from amiable import cli_figures
from amiable.cli import app
from amiable.insight import give
from amiable.insight.measure import measure
from tests.insight.rows import DAY, NOW, before, creditor, customer, invoice, paid

pytestmark = pytest.mark.django_db


def test_the_newest_word_of_a_day_is_given(tmp_path: Path) -> None:
    helia = creditor()
    creditor("valmont")
    owed = invoice(customer(helia), 1_000, issued=before(40), due=before(10))
    measure(as_of=DAY, now=NOW)
    paid(owed, 400, on=DAY)
    measure(as_of=DAY, now=NOW + timedelta(hours=1))
    found = give.table(creditor=helia, since=before(3), until=DAY)
    overdue = found.filter((pl.col("kpi") == "amount_overdue") & (pl.col("slice") == "{}"))
    assert overdue.select("unit", "currency", "numerator", "denominator").rows() == [("money", "EUR", 600, 600)]
    for name in ("figures.csv", "figures.parquet"):
        give.write(found, tmp_path / name)
    assert pl.read_parquet(tmp_path / "figures.parquet").equals(found)
    assert pl.read_csv(tmp_path / "figures.csv").height == found.height


def test_what_cannot_be_given_is_a_sentence(tmp_path: Path) -> None:
    helia = creditor()
    with pytest.raises(give.UnableToGive, match="before it begins"):
        give.table(creditor=helia, since=DAY, until=before(1))
    empty = give.table(creditor=helia, since=before(1), until=DAY)
    assert empty.height == 0
    with pytest.raises(give.UnableToGive, match=r"ends with \.csv or \.parquet"):
        give.write(empty, tmp_path / "figures.xls")
    with pytest.raises(give.UnableToGive, match="cannot be written"):
        give.write(empty, tmp_path / "nowhere" / "figures.csv")


def test_the_command_writes_csv() -> None:
    cli_figures.join(app)
    helia = creditor()
    invoice(customer(helia), 1_000, issued=before(40), due=before(10))
    measure(as_of=DAY, now=NOW)
    asked = ["figures", "--creditor", "helia", "--from", "2026-05-31", "--to", "2026-05-31"]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0
    assert told.stdout.splitlines()[0].startswith("as_of,kpi,unit,currency,slice,value")
    assert "2026-05-31,amount_overdue,money,EUR,{},1000.0,1000,1000" in told.stdout
