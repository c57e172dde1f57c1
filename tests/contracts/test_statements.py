"""What every format of bank statements promises, asked of each that the registry finds, with its samples."""

import io
from datetime import date
from pathlib import Path

import pytest

from amiable.payments.statements import HEAD, Format, Hint, Line, Told, UnableToRead, format_of, formats

SAMPLES = Path(__file__).parents[1] / "samples" / "statements"
OF = {
    "camt": ["camt-053-v02.xml", "camt-053-v08.xml", "camt-054-v02.xml", "camt-052-v06.xml"],
    "mt940": ["mt940-german.sta", "mt940-dutch.sta"],
    "cfonb": ["cfonb120.txt"],
    "csv": ["csv-french.csv", "csv-german.csv", "csv-english.csv"],
}
CASES = [(key, name) for key, names in OF.items() for name in names]


def of(key: str) -> Format:
    return formats()[key]


def read(content: bytes) -> list[tuple[Told, list[Line]]]:
    form = format_of(content[:HEAD])
    return [(told, list(told.lines)) for told in form.statements(io.BytesIO(content), hint=Hint())]


def test_every_format_has_a_sample():
    assert set(formats()) == set(OF)
    assert {path.name for path in SAMPLES.iterdir()} == {name for _key, name in CASES}


@pytest.mark.parametrize(("key", "name"), CASES)
def test_a_sample_is_taken_by_its_format_and_no_pickier_one(key, name):
    head = (SAMPLES / name).read_bytes()[:HEAD]
    assert next(form.key for form in formats().values() if form.matches(head)) == key


@pytest.mark.parametrize(("key", "name"), CASES)
def test_a_sample_adds_up_and_every_line_has_its_day_amount_and_entry(key, name):
    found = read((SAMPLES / name).read_bytes())
    assert found
    for told, lines in found:
        assert lines
        assert told.currency == "EUR"
        assert told.telling in {"booked", "notice", "intraday"}
        assert [line.entry for line in lines] == sorted(line.entry for line in lines)
        assert lines[0].entry == 1
        for line in lines:
            assert isinstance(line.booked_on, date)
            assert isinstance(line.amount_minor, int)
            assert line.currency == "EUR"
        if told.opening_minor is not None and told.closing_minor is not None:
            assert told.opening_minor + sum(line.amount_minor for line in lines) == told.closing_minor


@pytest.mark.parametrize(("key", "name"), CASES)
def test_reading_twice_gives_the_same(key, name):
    content = (SAMPLES / name).read_bytes()
    assert [lines for _told, lines in read(content)] == [lines for _told, lines in read(content)]


@pytest.mark.parametrize(("key", "name"), CASES)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_cut_file_is_refused_with_a_sentence_or_read_in_part_where_it_has_no_end(key, name, share):
    content = (SAMPLES / name).read_bytes()
    try:
        found = read(content[: int(len(content) * share)])
    except UnableToRead as refusal:
        told_why = str(refusal)
    else:
        told_why = ""
    if told_why:
        assert told_why.endswith(".")
        return
    whole = [line for _told, lines in read(content) for line in lines]
    if key == "csv":  # no end: what is there is read
        assert len([line for _told, lines in found for line in lines]) <= len(whole)
        return
    for told, lines in found:  # all lines, and at most the last digits of the balance are gone: then it does not add up
        assert lines == whole
        assert told.closing_minor is not None


@pytest.mark.parametrize("key", sorted(OF))
def test_the_name_of_a_format_is_shown(key):
    assert str(of(key).label)
    assert of(key).rank > 0


# -- what the samples say ------------------------------------------------------------------------------------------------


def lines_of(name: str) -> list[Line]:
    [(_told, lines)] = read((SAMPLES / name).read_bytes())
    return lines


@pytest.mark.parametrize("name", ["camt-053-v02.xml", "camt-053-v08.xml"])
def test_camt_tells_all_that_matching_reads(name):
    one, two, back, cheque, *batch = lines_of(name)
    assert (one.payer, one.end_to_end_id, one.creditor_reference) == ("BOULANGERIE LEROY", "LEROY-0143", "RF18C1042")
    assert (one.method, one.bank_code, one.bank_reference) == ("transfer", "PMNT/RCDT/ESCT", "26075VIR0001")
    assert (two.payer, two.payer_iban) == ("MÉTAUX DU RHÔNE", "FR1420041010050500013M02606")
    assert (back.kind, back.return_reason, back.payer, back.mandate_id) == ("return", "AM04", "ANNA MARTIN", "RUM-1042")
    assert (cheque.method, cheque.cheque_number, cheque.value_on) == ("cheque", "0001234", date(2026, 3, 18))
    assert [(part.amount_minor, part.payer, part.entry) for part in batch] == [
        (40_00, "CLARA ET FILS", 5),
        (50_00, "EMIL PETIT", 5),
    ]


def test_cfonb_reads_the_complements():
    one, _two, back, cheque = lines_of("cfonb120.txt")
    assert (one.text, one.payer, one.end_to_end_id) == ("FACTURE F-2026-0143", "BOULANGERIE LEROY", "LEROY-0143")
    assert (one.creditor_reference, one.method) == ("RF18C1042", "transfer")
    assert (back.kind, back.method, back.amount_minor, back.mandate_id) == (
        "return",
        "direct_debit",
        -89_00,
        "RUM-1042",
    )
    assert (cheque.method, cheque.value_on) == ("cheque", date(2026, 3, 18))


def test_dutch_codes_are_read():
    one, back = lines_of("mt940-dutch.sta")
    assert (one.payer, one.payer_iban, one.text) == ("BAKKERIJ DE BOER", "NL69INGB0123456789", "FACTUUR F-2026-0143")
    assert (one.end_to_end_id, one.bank_reference) == ("BAK-0143", "2607500001")
    assert (back.kind, back.return_reason, back.mandate_id, back.end_to_end_id) == (
        "return",
        "AM04",
        "RUM-1042",
        "DD-98",
    )


def test_banks_csv_in_three_languages():
    german = lines_of("csv-german.csv")
    assert [(line.amount_minor, line.payer, line.method) for line in german] == [
        (1240_00, "Müller GmbH", ""),
        (-800_50, "Vermieter", ""),
    ]
    english = lines_of("csv-english.csv")
    assert [(line.amount_minor, line.booked_on) for line in english] == [
        (1240_00, date(2026, 3, 16)),
        (-800_50, date(2026, 3, 17)),
    ]
