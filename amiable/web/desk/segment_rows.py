"""A condition as rows of a builder: fact, operator, value; blocks of rows joined by and / or.

In: the text of a condition that can be used. Out: rows, or None for what rows cannot show: that stays text.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign><>|!=|<=|>=|[=<>(),]))"
)
SIGNS = {"=", "<>", "<", "<=", ">", ">="}
DEEPEST = 10


@dataclass(frozen=True)
class Row:
    """`sign`: one of SIGNS, or known, unknown, yes, no, in, contains. Shares are in percent."""

    fact: str
    sign: str
    value: str = ""


@dataclass(frozen=True)
class Rows:
    """`all`: every block must hold, and in each block one row is enough; else the other way round."""

    all: bool
    blocks: tuple[tuple[Row, ...], ...]

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Joined:
    all: bool
    parts: tuple[Any, ...]


class _Richer(Exception):
    """The condition says more than rows can."""


def read(text: str, units: Mapping[str, str]) -> Rows | None:
    """The rows of a condition over facts with these units; no rows for the empty one."""
    if not text.strip():
        return Rows(True, ())
    try:
        reader = _Reader(_tokens(text), units)
        tree = reader.joined(0)
        reader.end()
        return _rows(tree)
    except _Richer:
        return None


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    text = text.rstrip()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None or token.lastgroup is None:
            raise _Richer
        found.append((token.lastgroup, token[token.lastgroup]))
        place = token.end()
    return found


def _rows(tree: Any) -> Rows:
    if isinstance(tree, Row):
        return Rows(True, ((tree,),))
    blocks = []
    for part in tree.parts:
        leaves = (part,) if isinstance(part, Row) else part.parts
        if not all(isinstance(leaf, Row) for leaf in leaves):
            raise _Richer
        blocks.append(tuple(leaves))
    return Rows(tree.all, tuple(blocks))


class _Reader:
    """Goes through the tokens once: OR binds less than AND, which binds less than a row."""

    def __init__(self, tokens: list[tuple[str, str]], units: Mapping[str, str]) -> None:
        self.tokens, self.units, self.at = tokens, units, 0

    def joined(self, deep: int, *, by: str = "OR") -> Any:
        if deep > DEEPEST:
            raise _Richer
        inner = self.joined if by == "OR" else self._part
        parts = [inner(deep, by="AND")]
        while self._word(by):
            parts.append(inner(deep, by="AND"))
        if len(parts) == 1:
            return parts[0]
        flat: list[Any] = []
        for part in parts:
            same = isinstance(part, _Joined) and part.all == (by == "AND")
            flat.extend(part.parts if same else [part])
        return _Joined(by == "AND", tuple(flat))

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise _Richer

    def _part(self, deep: int, *, by: str) -> Any:
        if self._sign("("):
            inner = self.joined(deep + 1)
            self._need(")")
            return inner
        if self._word("NOT"):
            name = self._name()
            if self.units[name] != "yes":
                raise _Richer
            return Row(name, "no")
        return self._row(self._name())

    def _row(self, name: str) -> Row:
        unit = self.units[name]
        if self._word("IS"):
            known = self._word("NOT")
            if not self._word("NULL"):
                raise _Richer
            return Row(name, "known" if known else "unknown")
        if unit == "yes":
            return Row(name, "yes")
        if unit == "text" and self._word("IN"):
            self._need("(")
            values = [self._value(unit)]
            while self._sign(","):
                values.append(self._value(unit))
            self._need(")")
            if any("," in value for value in values):
                raise _Richer
            return Row(name, "in", ", ".join(values))
        if unit == "text" and self._word("ILIKE"):
            value = self._value(unit)
            if len(value) < 3 or value[0] != "%" or value[-1] != "%" or set(value[1:-1]) & set("%_"):
                raise _Richer
            return Row(name, "contains", value[1:-1])
        kind, sign = self._next()
        sign = "<>" if sign == "!=" else sign
        if kind != "sign" or sign not in SIGNS or (unit == "text" and sign not in {"=", "<>"}):
            raise _Richer
        return Row(name, sign, self._value(unit))

    def _value(self, unit: str) -> str:
        kind, text = self._next()
        if unit == "text" and kind == "text":
            return text[1:-1].replace("''", "'")
        if unit != "text" and kind == "number":
            return f"{(Decimal(text) * 100).normalize():f}" if unit == "share" else text
        raise _Richer

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise _Richer
        self.at += 1
        return self.tokens[self.at - 1]

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name" or text not in self.units:
            raise _Richer
        return text

    def _word(self, word: str) -> bool:
        return self._take("name", word)

    def _sign(self, sign: str) -> bool:
        return self._take("sign", sign)

    def _take(self, kind: str, text: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at][0] == kind
        found = found and self.tokens[self.at][1].upper() == text
        self.at += found
        return found

    def _need(self, sign: str) -> None:
        if not self._sign(sign):
            raise _Richer
