"""The kinds of files: how the rows of each are staged and posted. The loader knows no more of them than this."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache

import polars as pl
from django.db import connection
from django.utils.translation import gettext as _

from amiable.core import values
from amiable.core.money import shown
from amiable.intake import (
    copies,
    interpret,
    interpret_contacts,
    interpret_fec,
    post,
    post_contacts,
    post_fec,
    snapshot,
    stage,
)
from amiable.intake.formats import LINE
from amiable.intake.models import Import
from amiable.intake.post import Told
from amiable.intake.quarantine import Contradiction
from amiable.intake.reading import Reading
from amiable.ledger.models import Creditor

Posted = tuple[dict[str, int], Sequence[str], Sequence[Contradiction]]  # figures, sentences, contradicting rows


class Kind(ABC):
    """What the rows of a file are about. `history`: rows are known when they happened, not when they are loaded."""

    key = ""
    history = False

    def source_key(self, reading: Reading, creditor: Creditor) -> str:
        return self.key

    @abstractmethod
    def open(self, reading: Reading, creditor: Creditor) -> None:
        """Makes ready to stage, within the transaction of the load."""

    @abstractmethod
    def stage(self, batch: pl.DataFrame, reading: Reading, creditor: Creditor) -> pl.DataFrame:
        """Stages a batch; returns the rows that cannot be read as (line, column, reason)."""

    @abstractmethod
    def post(self, told: Told, reading: Reading, record: Import) -> Posted:
        """Posts what is staged."""

    def post_one(self, told: Told, reading: Reading, record: Import) -> Sequence[Contradiction]:
        """Posts one row that comes after its file."""
        return self.post(told, reading, record)[2]

    def context(self, lines: Sequence[int]) -> dict[int, dict[str, str]]:
        """What bad lines lose when they are taken out of their file, to be kept beside their texts."""
        return {}


class Movements(Kind):
    key = "movements"

    def open(self, reading: Reading, creditor: Creditor) -> None:
        stage.drop("staged", "told", "items")
        stage.create("staged", interpret.SCHEMA)

    def stage(self, batch: pl.DataFrame, reading: Reading, creditor: Creditor) -> pl.DataFrame:
        rows, bad = interpret.movements(batch, reading)
        stage.add("staged", interpret.SCHEMA, rows)
        return bad

    def post(self, told: Told, reading: Reading, record: Import) -> Posted:
        figures = post.post(told)
        return figures, (), contradictions(reading)


class OpenItems(Kind):
    key = "open_items"

    def open(self, reading: Reading, creditor: Creditor) -> None:
        stage.drop("staged", "told", "items", "unread", "shrunk")
        stage.create("staged", interpret.SCHEMA)
        stage.create("unread", {"reference": pl.String})

    def stage(self, batch: pl.DataFrame, reading: Reading, creditor: Creditor) -> pl.DataFrame:
        rows, bad = interpret.movements(batch, reading)
        stage.add("staged", interpret.SCHEMA, rows)
        unread = batch.filter(pl.col(LINE).is_in(bad["line"].implode())) if bad.height else batch.clear()
        stage.add(
            "unread",
            {"reference": pl.String},
            unread.select(values.code(reading.columns["reference"]).alias("reference")),
        )
        return bad

    def post(self, told: Told, reading: Reading, record: Import) -> Posted:
        figures, said = snapshot.post_snapshot(told, record)
        return figures, said, contradictions(reading)

    def post_one(self, told: Told, reading: Reading, record: Import) -> Sequence[Contradiction]:
        snapshot.post_snapshot(told, record, whole=False)
        return contradictions(reading)


class Contacts(Kind):
    key = "contacts"

    def open(self, reading: Reading, creditor: Creditor) -> None:
        stage.drop("staged", "newest", "before", "people")
        stage.create("staged", interpret_contacts.SCHEMA)

    def stage(self, batch: pl.DataFrame, reading: Reading, creditor: Creditor) -> pl.DataFrame:
        rows, bad = interpret_contacts.contacts(batch, reading, creditor.country)
        stage.add("staged", interpret_contacts.SCHEMA, rows)
        return bad

    def post(self, told: Told, reading: Reading, record: Import) -> Posted:
        figures, found = post_contacts.post_contacts(told, dict(reading.columns))
        return figures, (), found


class Fec(Kind):
    key = "fec"
    history = True

    def open(self, reading: Reading, creditor: Creditor) -> None:
        stage.drop("staged", "told", "items", "lines", "parts", "ties")
        stage.create("lines", interpret_fec.SCHEMA)

    def stage(self, batch: pl.DataFrame, reading: Reading, creditor: Creditor) -> pl.DataFrame:
        rows, bad = interpret_fec.lines(batch, reading)
        stage.add("lines", interpret_fec.SCHEMA, rows)
        return bad

    def post(self, told: Told, reading: Reading, record: Import) -> Posted:
        figures, said = post_fec.post_fec(told, reading, record)
        return figures, said, contradictions(reading)

    def context(self, lines: Sequence[int]) -> dict[int, dict[str, str]]:
        return post_fec.places(lines)


class Copies(Kind):
    key = "copies"

    def open(self, reading: Reading, creditor: Creditor) -> None:
        stage.drop("copies", "candidates", "matched")
        stage.create("copies", copies.SCHEMA)
        stage.create("candidates", copies.CANDIDATES)

    def stage(self, batch: pl.DataFrame, reading: Reading, creditor: Creditor) -> pl.DataFrame:
        return copies.stage_copies(batch)

    def post(self, told: Told, reading: Reading, record: Import) -> Posted:
        figures, lost = copies.post_copies(told, path=told.path)
        return figures, (), lost


def contradictions(reading: Reading) -> list[Contradiction]:
    """The rows of `told` that contradict the ledger or one another, each with a sentence."""
    column = reading.columns.get("residual" if reading.kind == "open_items" else "amount", "")
    found: list[Contradiction] = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT line, fate, coalesce(reference, external_id), known_minor, known_currency FROM told"
            " WHERE fate IN ('other', 'twice', 'elsewhere', 'grew') ORDER BY line"
        )
        for line, fate, reference, known_minor, currency in cursor:
            if fate == "twice":
                why = _("“%(reference)s” stands in this file twice with different amounts.") % {"reference": reference}
            elif fate == "elsewhere":
                why = _("“%(reference)s” is already known for another customer.") % {"reference": reference}
            elif fate == "grew":
                why = _("The balance of “%(reference)s” grew: %(amount)s is what is known to be left.") % {
                    "reference": reference,
                    "amount": shown(known_minor, currency),
                }
            else:
                amount = shown(known_minor, currency)
                why = _("“%(reference)s” is already known with another amount: %(amount)s.") % {
                    "reference": reference,
                    "amount": amount,
                }
            found.append((line, column, why))
    return found


@cache
def kinds() -> dict[str, Kind]:
    """Every kind by its key."""
    return {kind.key: kind() for kind in (Movements, OpenItems, Contacts, Fec, Copies)}
