"""Amounts and dates survive every way of writing them, and no bytes whatever make the readers stumble."""

from datetime import date

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amiable.core import money, values
from amiable.intake import interpret, recognise
from amiable.intake.reading import UnableToImport
from tests.intake.fec import HEADINGS

CURRENCIES = ("EUR", "JPY", "TND", "USD")
SOON = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(minor: int, currency: str, decimal: str, group: str, trailing: bool) -> str:
    places = money.exponent(currency)
    whole, fraction = divmod(abs(minor), 10**places)
    digits = f"{whole:,}".replace(",", group)
    text = digits + (f"{decimal}{fraction:0{places}d}" if places else "")
    return (f"{text}-" if trailing else f"-{text}") if minor < 0 else text


@SOON
@given(
    minor=st.lists(st.integers(-(10**14), 10**14), min_size=1, max_size=20),
    currency=st.sampled_from(CURRENCIES),
    decimal=st.sampled_from(",."),
    group=st.sampled_from(["", " ", "\u00a0", "\u202f", "'", "other"]),
    trailing=st.booleans(),
)
def test_amounts_round_trip(minor, currency, decimal, group, trailing):
    group = {"other": "." if decimal == "," else ","}.get(group, group)
    texts = [written(amount, currency, decimal, group, trailing) for amount in minor]
    frame = pl.DataFrame({"amount": texts, "currency": [currency] * len(texts)})
    read = frame.select(values.amount("amount", decimal=decimal, currency=pl.col("currency")))["amount"].to_list()
    assert read == minor


@SOON
@given(text=st.text(alphabet="0123456789.,-+() '€EUR\u00a0", max_size=14), decimal=st.sampled_from(",."))
def test_a_column_reads_what_one_amount_reads_or_nothing(text, decimal):
    frame = pl.DataFrame({"amount": [text], "currency": ["EUR"]})
    read = frame.select(values.amount("amount", decimal=decimal, currency=pl.col("currency")))["amount"][0]
    if read is not None:
        assert read == money.minor(text.translate(str.maketrans("", "", "\u202f")), currency="EUR", decimal=decimal)


WAYS = {
    "dmy": "{d:02d}/{m:02d}/{y}",
    "dmy ": "{d}.{m}.{y}",
    "mdy": "{m:02d}/{d:02d}/{y}",
    "ymd": "{y}-{m:02d}-{d:02d}",
    "ymd ": "{y}{m:02d}{d:02d}",
}


@SOON
@given(
    days=st.lists(st.dates(date(1951, 1, 1), date(2140, 12, 31)), min_size=1, max_size=20),
    way=st.sampled_from(sorted(WAYS)),
)
def test_dates_round_trip(days, way):
    frame = pl.DataFrame({"day": [WAYS[way].format(d=day.day, m=day.month, y=day.year) for day in days]})
    assert frame.select(values.day("day", order=way.strip()).alias("day"))["day"].to_list() == days


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("1er janvier 2024", "dmy", date(2024, 1, 1)), ("5 févr. 2024", "dmy", date(2024, 2, 5)),
        ("15-Aug-24", "mdy", date(2024, 8, 15)),
        ("2024-02-29T00:00:00", "dmy", date(2024, 2, 29)), ("45351", "dmy", date(2024, 2, 29)),
        ("29022024", "dmy", date(2024, 2, 29)),
        ("3/4/24", "mdy", date(2024, 3, 4)), ("3/4/24", "dmy", date(2024, 4, 3)), ("24/02/29", "ymd", date(2024, 2, 29)),
        ("05/01/2024 14:30", "dmy", date(2024, 1, 5)), ("30/02/2024", "dmy", None), ("0", "dmy", None), ("hier", "dmy", None),
    ],
)  # fmt: skip
def test_dates_as_people_write_them(text, order, day):
    frame = pl.DataFrame({"day": [text]})
    assert frame.select(values.day("day", order=order).alias("day"))["day"][0] == day


@SOON
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 10**9), st.dates(date(2000, 1, 1), date(2049, 12, 31))), min_size=1, max_size=15
    ),
    delimiter=st.sampled_from([";", ",", "\t", "|"]),
    decimal=st.sampled_from(",."),
    order=st.sampled_from(["dmy", "mdy", "ymd"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]),
)
def test_a_written_file_is_read_as_it_was_meant(tmp_path, rows, delimiter, decimal, order, encoding):
    """Whatever the separator, the decimal sign and the order of dates: found by themselves wherever they show."""
    shown = [*rows, (123456, date(2024, 1, 31))]  # one row that shows signs and order
    lines = [delimiter.join(("Code client", "Facture", "Date", "Échéance", "Montant TTC"))]
    for place, (minor, day) in enumerate(shown):
        when = WAYS[order].format(d=day.day, m=day.month, y=day.year)
        amount = f"{minor // 100}{decimal}{minor % 100:02d}"
        lines.append(delimiter.join(("C1", f"F{place}", when, when, f'"{amount}"')))
    path = tmp_path / "file.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    seen = recognise.look(path=path, name="file.csv")
    reading = recognise.read_as(seen, path=path, country="FR", currency="EUR")
    good, bad = interpret.movements(pl.concat(seen.form.rows(path, reading)), reading)
    assert bad.is_empty()
    assert good.sort("line").select("amount_minor", "due_on").rows() == [(minor, day) for minor, day in shown]


@SOON
@given(
    content=st.one_of(st.binary(max_size=400), st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))),
    head=st.booleans(),
)
def test_no_bytes_make_the_reader_stumble(tmp_path, content, head):
    start = "Code client;Facture;Date;Échéance;Montant TTC\n".encode() if head else b""
    _read_anyhow(tmp_path, start + content, "file.csv")


@SOON
@given(content=st.text(alphabet='|0123456789,.-CDF\n\té"', max_size=400), delimiter=st.sampled_from("|\t"))
def test_no_text_makes_the_reader_of_entries_stumble(tmp_path, content, delimiter):
    start = delimiter.join(HEADINGS) + "\n" + delimiter.join(["VE", "VE", "1", "20230101", "411000"])
    _read_anyhow(tmp_path, (start + content).encode(), "732829320FEC20231231.txt")


def _read_anyhow(folder, content, name):
    from amiable.intake import interpret_fec

    path = folder / name
    path.write_bytes(content)
    try:
        seen = recognise.look(path=path, name=name)
        reading = recognise.read_as(seen, path=path, country="FR", currency="EUR")
        for batch in seen.form.rows(path, reading):
            if reading.kind == "fec":
                rows, _bad = interpret_fec.lines(batch, reading)
                assert rows.height == batch.height
            elif reading.kind in {"movements", "open_items"}:
                good, bad = interpret.movements(batch, reading)
                assert good["line"].n_unique() + bad.height == batch.height
    except UnableToImport as refusal:
        sentence = str(refusal)
        assert sentence.endswith(".")
