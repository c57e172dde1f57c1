"""What every format of files promises, asked of each that the registry finds, with its samples."""

from pathlib import Path

import polars as pl
import pytest

from amiable.intake.formats import LINE, WRONG, Format, formats
from amiable.intake.measure import measure
from amiable.intake.reading import UnableToImport
from amiable.intake.recognise import look

SAMPLES = Path(__file__).parents[1] / "samples" / "formats"
OF = {
    "csv": ["csv-french.csv", "csv-english.csv"],
    "xlsx": ["xlsx-open-items.xlsx"],
    "fec": ["732829320FEC20231231.txt"],
    "copies": ["copies.zip"],
}
CASES = [(key, name) for key, names in OF.items() for name in names]


def of(key: str) -> Format:
    return formats()[key]


def test_every_format_has_a_sample():
    assert set(formats()) == set(OF)
    assert {path.name for path in SAMPLES.iterdir()} == {name for _key, name in CASES}


@pytest.mark.parametrize(("key", "name"), CASES)
def test_a_sample_is_taken_by_its_format_and_no_pickier_one(key, name):
    head = measure(SAMPLES / name).head
    assert next(form.key for form in formats().values() if form.matches(head, name)) == key


@pytest.mark.parametrize(("key", "name"), CASES)
def test_rows_are_texts_under_the_headings_with_their_lines(key, name):
    path = SAMPLES / name
    reading = look(path=path, name=name).reading
    told: list[int] = []
    batches = list(of(key).rows(path, reading, at=told.append))
    rows = pl.concat(batches)
    assert rows.height > 0
    assert rows.columns == [LINE, WRONG, *reading.headings]
    assert rows.schema[LINE] == pl.Int64
    assert all(kind == pl.String for name, kind in rows.schema.items() if name != LINE)
    assert rows[LINE].is_sorted()
    assert rows[LINE].n_unique() == rows.height
    assert rows[WRONG].null_count() == rows.height
    assert told == sorted(told)


@pytest.mark.parametrize(("key", "name"), CASES)
def test_reading_twice_gives_the_same_rows(key, name):
    path = SAMPLES / name
    reading = look(path=path, name=name).reading
    one, two = (pl.concat(of(key).rows(path, reading)) for _turn in range(2))
    assert one.equals(two)


@pytest.mark.parametrize(("key", "name"), CASES)
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_cut_file_is_refused_or_read_and_nothing_else(tmp_path, key, name, share):
    content = (SAMPLES / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: int(len(content) * share)])
    try:
        seen = look(path=path, name=name)
        for batch in seen.form.rows(path, seen.reading):
            assert batch.columns[:2] == [LINE, WRONG]
    except UnableToImport as refusal:
        text = str(refusal)
        assert text.endswith(".")


@pytest.mark.parametrize("key", sorted(OF))
def test_the_name_of_a_format_is_shown_in_two_languages(key):
    assert str(of(key).label)
    assert of(key).rank > 0
