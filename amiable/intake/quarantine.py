"""Rows that could not be taken, gathered while a file is read and kept with it, each as it came and with its reason."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from amiable.intake.formats import LINE, WRONG, Format
from amiable.intake.models import Import, QuarantinedRow
from amiable.intake.reading import Reading

Contradiction = tuple[int, str, str]  # line, column, reason
AT_ONCE = 5_000


@dataclass
class Quarantine:
    """The bad rows of one load."""

    reasons: dict[int, tuple[str, str]] = field(default_factory=dict)
    raws: dict[int, dict[str, str]] = field(default_factory=dict)
    notes: dict[int, dict[str, str]] = field(default_factory=dict)

    def add(self, bad: pl.DataFrame, batch: pl.DataFrame) -> None:
        """Bad rows of a batch as (line, column, reason), kept beside the texts they came as."""
        if not bad.height:
            return
        for line, column, reason in bad.select("line", "column", "reason").iter_rows():
            self.reasons.setdefault(line, (column, reason))
        self._keep_raws(batch, bad["line"])

    def contradict(self, contradictions: Iterable[Contradiction]) -> None:
        """Rows that could be read and contradict what is known."""
        for line, column, reason in contradictions:
            self.reasons.setdefault(line, (column, reason))

    def lines(self) -> list[int]:
        return sorted(self.reasons)

    def explain(self, notes: dict[int, dict[str, str]]) -> None:
        """What a row loses outside its file, to be kept beside its texts under names that begin with #."""
        self.notes |= notes

    def keep(self, record: Import, form: Format, path: Path, reading: Reading) -> int:
        """Writes the rows; those only the ledger objected to are read once more for their texts. Returns how many."""
        missing = self.reasons.keys() - self.raws.keys()
        if missing:
            wanted = pl.Series(sorted(missing), dtype=pl.Int64)
            for batch in form.rows(path, reading):
                self._keep_raws(batch, wanted)
        rows = [
            QuarantinedRow(
                loaded_by=record,
                line=line,
                column=column,
                reason=reason[:300],
                raw=self.raws.get(line, {}) | self.notes.get(line, {}),
            )
            for line, (column, reason) in sorted(self.reasons.items())
        ]
        QuarantinedRow.objects.bulk_create(rows, batch_size=AT_ONCE)
        return len(rows)

    def _keep_raws(self, batch: pl.DataFrame, lines: pl.Series) -> None:
        for row in batch.filter(pl.col(LINE).is_in(lines.implode())).drop(WRONG).iter_rows(named=True):
            line = row.pop(LINE)
            self.raws[line] = {heading: text.replace("\0", "") for heading, text in row.items() if text is not None}
