"""Real files of banks, with the reading that their authors expect; they stay outside of the project."""

import io
import json
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from amiable.core.money import exponent
from amiable.payments.statements import HEAD, Hint, UnableToRead, format_of

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "bank"
CAMT = sorted(DATA.glob("camt/*.xml"))
SWIFT = sorted(DATA.glob("mt940/*.*"))
absent = pytest.mark.skipif(not DATA.is_dir(), reason="No ../shared/data/bank beside this checkout.")
# Broken on purpose, or of a message without any statement.
REFUSED = {"camt053.v2.wrong.xml", "betterplace__sepa_snippet_broken.sta"}
# What these files tell does not add up: lines were taken out of them by their authors.
APART = {
    "camt053.v2.all-balance-types.xml", "camt053.v2.five.decimals.xml", "betterplace__sepa_snippet.sta",
    "jejik__abnamro.sta", "jejik__ing.sta",
}  # fmt: skip


def read(path: Path) -> list[tuple[Any, list[Any]]]:
    content = path.read_bytes()
    form = format_of(content[:HEAD])
    return [(told, list(told.lines)) for told in form.statements(io.BytesIO(content), hint=Hint())]


@absent
@pytest.mark.parametrize(
    "path", CAMT + [each for each in SWIFT if "LICENSE" not in each.name], ids=lambda path: path.name
)
def test_every_file_is_read_or_refused_with_a_sentence(path):
    if path.name in REFUSED:
        with pytest.raises(UnableToRead, match=r"\.$"):
            read(path)
        return
    apart = 0
    for told, lines in read(path):
        assert told.account
        if told.opening_minor is not None and told.closing_minor is not None and told.telling == "booked":
            apart += told.opening_minor + sum(line.amount_minor for line in lines) != told.closing_minor
    assert bool(apart) == (path.name in APART)


@absent
@pytest.mark.parametrize(
    "path", [each for each in CAMT if each.with_suffix(".json").exists()], ids=lambda path: path.name
)
def test_camt_is_read_as_its_authors_expect(path):
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    found = read(path)
    records = {each["getId"]: each for each in within(expected, "getElectronicSequenceNumber")}
    # What their JSON shows a second time it only names: then it tells less than the file, never something else.
    whole = expected["getRecords"].count("__RECURSIVITY__") <= 1
    assert set(records) <= {told.reference for told, _lines in found}
    for told, _lines in found:
        record = records.get(told.reference)
        if record is None:
            assert not whole
            continue
        assert told.account == record["getAccount"]["getIdentification"].replace(" ", "")
        assert told.number == (record["getElectronicSequenceNumber"] or "")
        told_balances = [each for each in record.get("getBalances") or () if isinstance(each, dict)]
        balances = {each["getType"]: each for each in reversed(told_balances)}  # the first of each kind
        for name, value in (("opening", told.opening_minor), ("closing", told.closing_minor)):
            if value is not None:
                assert value == money(balances[name]["getAmount"])[0]
    entries = list(within(expected, "getAccountServicerReference", "getBookingDate"))
    ours = [list(lines) for _told, every in found for _entry, lines in groupby(every, key=lambda line: line.entry)]
    assert len(ours) == len(entries) if whole else len(ours) > len(entries)
    for entry in entries:
        [lines] = [each for each in ours if same(each, entry)]
        assert (
            not entry["getAccountServicerReference"] or lines[0].bank_reference == entry["getAccountServicerReference"]
        )
        detail = entry.get("getTransactionDetail")
        reference = detail["getReference"] if isinstance(detail, dict) else None
        if len(entry["getTransactionDetails"]) == 1 and isinstance(reference, dict):
            assert lines[0].end_to_end_id == (reference["getEndToEndId"] or "")


def within(told: Any, *names: str) -> Iterator[dict[str, Any]]:
    """Every object in the JSON that has these members."""
    if isinstance(told, dict):
        if all(name in told for name in names):
            yield told
        told = list(told.values())
    for each in told if isinstance(told, list) else ():
        yield from within(each, *names)


def same(lines: list[Any], entry: dict[str, Any]) -> bool:
    """Amount, currency and both days, to the cent."""
    days = [date.fromisoformat(entry[name]["0"][:10]) for name in ("getBookingDate", "getValueDate")]
    told = (sum(line.amount_minor for line in lines), lines[0].currency)
    return told == money(entry["getAmount"]) and days == [lines[0].booked_on, lines[0].value_on]


def money(told: dict[str, Any]) -> tuple[int, str]:
    code = told["getCurrency"]["getCode"]
    # Their minor units are of ISO 4217, as ours.
    assert exponent(code) in {0, 2}
    return int(told["getAmount"]), code
