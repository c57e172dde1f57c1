"""Bank lines find their invoices: how many, how surely, how fast, beside a plain look-up of every word.

With a folder of data (invoices.csv, payments.csv, matches.csv) the engine alone; without one, made-up lines and invoices
in the database, matched and applied as the day does it.
"""

import csv
import json
import resource
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from amiable.core.errors import UnableTo
from amiable.payments.match import AUTOMATIC
from amiable.payments.matching import Item, Line, Part, Party, Proposal, Terms, propose
from amiable.payments.matching.read import squeezed, words

OFFERED = 0.05  # a first proposal that is less likely links nothing
# Five of the main unit of the larger currencies and as much of the others: what a bench's payers may keep back.
KEPT_BACK = {"JPY": 100_000, "KRW": 1_000_000, "SEK": 5_000, "NOK": 5_000}
Links = set[tuple[int, int]]


class UnableToMeasure(UnableTo):
    """The folder does not hold what is to be measured."""


def run(*, lines: int = 10_000, open_invoices: int = 200_000, data: str = "") -> dict[str, Any]:
    """link_f1, automatic_share, precision_automatic, seconds and the ratio to the look-up of words."""
    if data:
        return _files(Path(data))
    from bench.bank import book_and_match

    return book_and_match(lines=lines, invoices=open_invoices)


def _files(folder: Path) -> dict[str, Any]:
    missing = [name for name in ("invoices.csv", "payments.csv", "matches.csv") if not (folder / name).is_file()]
    if missing:
        raise UnableToMeasure(f"There is no {missing[0]} in {folder}.")
    items, parties = _items(folder / "invoices.csv")
    lines = _lines(folder / "payments.csv")
    truth = _truth(folder / "matches.csv")
    allowed = {item.currency: KEPT_BACK.get(item.currency, 500) for item in items}
    started = time.perf_counter()
    found = propose(lines=lines, items=items, parties=parties, terms=Terms(shortfall_minor=allowed))
    seconds = time.perf_counter() - started
    first = {line: proposals[0] for line, proposals in found.items() if proposals}
    return score(first, truth, payments=len(lines), least=AUTOMATIC) | timed(seconds, lines, items)


def score(first: Mapping[int, Proposal], truth: Links, *, payments: int, least: float) -> dict[str, Any]:
    """How many links are right and found, and how many of those that need nobody."""
    linked = {(line, part.item) for line, each in first.items() if each.confidence >= OFFERED for part in _paid(each)}
    sure = {
        line: each for line, each in first.items() if each.confidence >= least and each.parts and not each.rest_minor
    }
    alone = {(line, part.item) for line, each in sure.items() for part in _paid(each)}
    wanted: dict[int, set[int]] = defaultdict(set)
    for payment, invoice in truth:
        wanted[payment].add(invoice)
    exact = sum({part.item for part in _paid(each)} == wanted[line] for line, each in sure.items())
    right = len(linked & truth)
    return {
        "link_f1": round(2 * right / max(len(linked) + len(truth), 1), 5),
        "link_precision": round(right / max(len(linked), 1), 5),
        "link_recall": round(right / max(len(truth), 1), 5),
        "automatic_share": round(len(sure) / max(payments, 1), 4),
        "precision_automatic": round(len(alone & truth) / max(len(alone), 1), 5),
        "payments_exact_automatic": round(exact / max(len(sure), 1), 5),
        "payments": payments,
    }


def timed(seconds: float, lines: Iterable[Line], items: Iterable[Item]) -> dict[str, Any]:
    """The seconds beside those of looking up every word of every line among all references, in the same run."""
    lines, items = list(lines), list(items)
    started = time.perf_counter()
    known: dict[str, list[int]] = defaultdict(list)
    for item in items:
        for reference in item.references:
            known[squeezed(reference)].append(item.id)
    hits = sum(len(known.get(word, ())) for line in lines for word in words(line.text))
    reference = time.perf_counter() - started
    return {
        "invoices": len(items), "seconds": round(seconds, 2), "per_second": round(len(lines) / seconds),
        "reference": "every word of every line looked up among all references", "reference_links": hits,
        "reference_seconds": round(reference, 3), "ratio": round(seconds / reference, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def _paid(each: Proposal) -> list[Part]:
    return [part for part in each.parts if part.amount_minor]


def _items(path: Path) -> tuple[list[Item], list[Party]]:
    customers: dict[str, Party] = {}
    items = []
    for row in _rows(path):
        number = row["Customer ID"]
        owner = customers.setdefault(number, Party(len(customers) + 1, number, row["Customer Name"]))
        items.append(
            Item(
                int(row["invoice_id"]), owner.id, (row["Assignment Number"], row["Billing Number"]), _minor(row["Amount"]),
                row["Currency Code"], _day(row["Document Date"]), _day(row["Due Date"]),
            )
        )  # fmt: skip
    return items, list(customers.values())


def _lines(path: Path) -> list[Line]:
    return [
        Line(
            int(row["payment_id"]), _minor(row["Amount"]), row["Currency"], _day(row["Posting Date"]),
            payer=row["Business Partner"], payer_iban=row["Account Number"], text=row["Memo Line"],
        )
        for row in _rows(path)
    ]  # fmt: skip


def _truth(path: Path) -> Links:
    return {
        (payment, invoice)
        for row in _rows(path)
        for payment in json.loads(row["payment_ids"])
        for invoice in json.loads(row["invoice_ids"])
    }


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _minor(text: str) -> int:
    """Hundredths, whatever the currency: the files write two decimals for all, with traces of binary fractions."""
    return round(float(text) * 100)


def _day(text: str) -> Any:
    return datetime.strptime(text, "%Y%m%d").date()
