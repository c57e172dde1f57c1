"""Makes accounting entries (FEC) of invented firms, year after year: sales, purchases, payments, transfers, lettering.

Nothing in them is of a real firm. `Books` remembers what is open, so that a next year carries it forward.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

HEADINGS = (
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum", "CompAuxLib", "PieceRef",
    "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet", "ValidDate", "Montantdevise", "Idevise",
)  # fmt: skip
AMOUNT_SIDE = (*HEADINGS[:11], "Montant", "Sens", *HEADINGS[13:])
SIREN = "732829320"


@dataclass
class Item:
    """An open item of a customer, on the account where it stands."""

    customer: int
    reference: str
    issued_on: date
    amount: int
    account: str = "411000"
    letter: str = ""
    lettered_on: date | None = None


@dataclass
class Line:
    account: str
    amount: int  # debit is positive
    item: Item | None = None


@dataclass
class Entry:
    day: date
    journal: str
    lines: list[Line]
    reference: str = ""
    label: str = ""


@dataclass
class Books:
    """The customers' accounts of one invented firm over its years."""

    customers: int = 50
    seed: int = 1
    siren: str = SIREN
    open: list[Item] = field(default_factory=list)
    letters: int = 0
    invoices: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def write(
        self,
        folder: Path,
        *,
        year: int,
        rows: int,
        delimiter: str = "\t",
        encoding: str = "utf-8",
        sides: bool = False,
        decimal: str = ",",
    ) -> Path:
        """Writes a year of about `rows` lines; returns the path, named as the law names it."""
        path = folder / f"{self.siren}FEC{year}1231.txt"
        with path.open("w", encoding=encoding, newline="") as file:
            file.write(delimiter.join(AMOUNT_SIDE if sides else HEADINGS) + "\r\n")
            for cells in self.lines(year, rows, sides=sides, decimal=decimal):
                file.write(delimiter.join(cells) + "\r\n")
        return path

    def lines(self, year: int, rows: int, *, sides: bool, decimal: str) -> Iterator[list[str]]:
        for number, entry in enumerate(sorted(self.entries(year, rows), key=lambda entry: entry.day), start=1):
            for line in entry.lines:
                yield self._cells(number, entry, line, sides, decimal)

    def entries(self, year: int, rows: int) -> list[Entry]:
        """The entries of a year. What is paid after its last day stays open and is carried forward."""
        carried, entries, count = list(self.open), [], 0
        if carried:
            total = sum(item.amount for item in carried)
            lines = [Line(item.account, item.amount, item) for item in carried] + [Line("890000", -total)]
            entries.append(Entry(date(year, 1, 1), "AN", lines, label="A nouveaux"))
            count += len(lines)
        self.open = []
        for item in carried:
            count += self._settle(entries, item, date(year, 1, 2), year)
        while count < rows:
            day = date(year, 1, 2) + timedelta(days=self.rng.randrange(363))
            if self.rng.random() < 0.25:
                amount = self.rng.randrange(1_000, 900_000)
                lines = [Line("607000", amount), Line("445660", amount // 5), Line("401000", -amount - amount // 5)]
                entries.append(Entry(day, "AC", lines, reference=f"A{count}", label="Achat"))
                count += 3
                continue
            count += self._sell(entries, day, year)
        return entries

    def _sell(self, entries: list[Entry], day: date, year: int) -> int:
        self.invoices += 1
        net = self.rng.randrange(2_000, 2_000_000)
        item = Item(self.rng.randrange(self.customers), f"FA{year % 100}{self.invoices:07d}", day, net + net // 5)
        lines = [Line("411000", item.amount, item), Line("707000", -net), Line("445710", -(net // 5))]
        entries.append(Entry(day, "VE", lines, item.reference, f"Facture {item.reference}"))
        return 3 + self._settle(entries, item, day, year)

    def _settle(self, entries: list[Entry], item: Item, since: date, year: int) -> int:
        """Lets the customer pay, or not: by bank, with a credit note, by a bill, late or never."""
        late = self.rng.choices((5, 30, 45, 75, 140, 500), (10, 40, 25, 15, 5, 5))[0]
        day = since + timedelta(days=late + self.rng.randrange(10))
        way, count = self.rng.random(), 0
        if way < 0.06 and item.account == "411000" and since + timedelta(days=20) <= date(year, 12, 31):
            item, count = self._transfer(
                entries, item, since + timedelta(days=15), "413000" if way < 0.04 else "416000"
            )
        if day > date(year, 12, 31):
            self.open.append(item)
            return count
        paid = Item(item.customer, f"R{item.reference}", day, -item.amount, item.account)
        self._letter([item, paid], day)
        if 0.06 <= way < 0.09:
            net = item.amount * 5 // 6
            lines = [Line("707000", net), Line("445710", item.amount - net), Line(item.account, -item.amount, paid)]
            entries.append(Entry(day, "VE", lines, f"AV{item.reference}", f"Avoir {item.reference}"))
            return count + 3
        entries.append(
            Entry(
                day,
                "BQ",
                [Line("512000", item.amount), Line(item.account, -item.amount, paid)],
                paid.reference,
                "Règlement reçu",
            )
        )
        return count + 2

    def _transfer(self, entries: list[Entry], item: Item, day: date, account: str) -> tuple[Item, int]:
        out = Item(item.customer, item.reference, day, -item.amount, item.account)
        self._letter([item, out], day)
        moved = Item(item.customer, item.reference, day, item.amount, account)
        entries.append(
            Entry(
                day,
                "OD",
                [Line(item.account, -item.amount, out), Line(account, item.amount, moved)],
                item.reference,
                "Virement de compte",
            )
        )
        return moved, 2

    def _letter(self, items: list[Item], day: date) -> None:
        self.letters += 1
        for item in items:
            item.letter, item.lettered_on = f"L{self.letters:06d}", day

    def _cells(self, number: int, entry: Entry, line: Line, sides: bool, decimal: str) -> list[str]:
        item, day = line.item, f"{entry.day:%Y%m%d}"
        amount = f"{abs(line.amount) // 100}{decimal}{abs(line.amount) % 100:02d}"
        nil = f"0{decimal}00"
        debit, credit = (amount, nil) if line.amount > 0 else (nil, amount)
        middle = [amount, "D" if line.amount > 0 else "C"] if sides else [debit, credit]
        reference = item.reference if item and entry.journal == "AN" else entry.reference
        aux = [f"C{item.customer:05d}", f"Société n° {item.customer} à Évry"] if item else ["", ""]
        piece = f"{item.issued_on:%Y%m%d}" if item and entry.journal == "AN" else day
        # Carried forward, the lettering is of the new year's line only.
        let = [item.letter, f"{item.lettered_on:%Y%m%d}"] if item and item.lettered_on else ["", ""]
        return [entry.journal, entry.journal, f"{number}", day, line.account, "Compte", *aux, reference, piece, entry.label,
                *middle, *let, day, "", ""]  # fmt: skip

    def owed(self) -> dict[str, int]:
        """What each customer still owes at the end of the last year written."""
        owed: dict[str, int] = {}
        for item in self.open:
            number = f"C{item.customer:05d}"
            owed[number] = owed.get(number, 0) + item.amount
        return owed
