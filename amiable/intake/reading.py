"""How one file is read: found by `recognise`, correctable by a person, remembered with its source.

In: nothing but plain values. Out: the Reading that formats and interpreters obey. Free of the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from amiable.core.errors import UnableTo

REMEMBERED = ("encoding", "delimiter", "decimal", "date_order", "sheet", "currency", "head_line", "siren")


class UnableToImport(UnableTo):
    """The file cannot be imported; the message says why in one sentence, and nothing of it was taken."""


@dataclass(frozen=True)
class Reading:
    """Everything that must be known to turn the bytes of a file into rows, and its rows into movements."""

    format: str
    kind: str = ""
    encoding: str = ""
    delimiter: str = ""
    decimal: str = ""
    date_order: str = ""  # dmy, mdy or ymd
    sheet: str = ""
    currency: str = ""  # of rows that name none
    head_line: int = 1  # the line of the headings
    headings: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)  # field → heading
    siren: str = ""
    closing: str = ""  # the last day of the fiscal year, YYYYMMDD
    said: tuple[str, ...] = ()  # what was guessed, in sentences for a person

    def mapping(self) -> dict[str, Any]:
        """The part that is remembered with a source."""
        kept: dict[str, Any] = {name: getattr(self, name) for name in REMEMBERED if getattr(self, name)}
        return kept | {"format": self.format, "kind": self.kind, "columns": dict(self.columns)}

    def with_mapping(self, mapping: Mapping[str, Any] | None) -> "Reading":
        """This reading as corrected: what the mapping names wins, columns one by one; an empty heading takes one away."""
        if not mapping:
            return self
        plain = {name: mapping[name] for name in (*REMEMBERED, "closing") if mapping.get(name)}
        columns = dict(self.columns)
        for name, heading in dict(mapping.get("columns", {})).items():
            if not heading:
                columns.pop(name, None)
            elif heading in self.headings or not self.headings:
                columns = {other: taken for other, taken in columns.items() if taken != heading or other == name}
                columns[name] = heading
        return replace(self, **plain, kind=mapping.get("kind") or self.kind, columns=columns)

    def with_columns(self, columns: Mapping[str, str]) -> "Reading":
        """This reading with exactly these columns."""
        return replace(self, columns=dict(columns))

    def saying(self, sentence: str) -> "Reading":
        return self if sentence in self.said else replace(self, said=(*self.said, sentence))
