"""Whether conditions can hold together: a case is sought among the values at which any of them could change its mind.

Comes in: texts of conditions, facts, what is known of facts. Goes out: yes or no. No is said only where it is certain.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import polars as pl

from amiable.core.conditions import WORDS, parse, pieces

MOST_CASES = 50_000
KINDS = ("consumer", "business", "public")
# What a fact can be at all: counts, days and sums that never fall below zero, shares between zero and one.
SPAN: Mapping[str, tuple[float | None, float | None]] = {
    **dict.fromkeys(
        ("open", "not_due", "overdue", "overdue_1_30", "overdue_31_60", "overdue_61_90", "overdue_over_90", "credit",
         "held", "open_count", "overdue_count", "dpd", "invoices_12m", "settled_12m", "late_12m", "disputes_open",
         "promises_kept", "promises_broken", "tenure_days", "last_paid_days", "last_contact_days", "contacts_7d",
         "contacts_30d"),
        (0, None),
    ),
    "late_share": (0, 1),
    "external_score": (0, 100),
}  # fmt: skip
_COMPARES = {"=", "<>", "!=", "<", ">", "<=", ">="}
_SAME = {"=", "<>", "!="}
_UNCERTAIN = {"LIKE", "ILIKE", "CASE", "+", "*", "/", "%"}
_BARE = {"AND", "OR", "NOT", "(", ""}


class _TooHard(Exception):
    """The condition does more than compare a fact with some values: nothing is claimed about it."""


def possible(
    holds: Sequence[str],
    *,
    fails: Sequence[str] = (),
    facts: Mapping[str, Any],
    span: Mapping[str, tuple[float | None, float | None]] | None = None,
) -> bool:
    """False only when no values of the facts make every text of `holds` true and every one of `fails` untrue.

    `span` narrows what a fact can be, above SPAN; a fact that it names is known, never empty.
    """
    return _possible(tuple(holds), tuple(fails), tuple(facts.items()), tuple((span or {}).items()))


@lru_cache(maxsize=4096)
def _possible(
    holds: tuple[str, ...], fails: tuple[str, ...], known: tuple[tuple[str, Any], ...], narrowed: tuple[Any, ...]
) -> bool:
    facts, span = dict(known), dict(narrowed)
    compared: dict[str, list[Any]] = defaultdict(list)
    try:
        for text in (*holds, *fails):
            _compared(text, facts, compared)
    except _TooHard:
        return True
    values = {name: _values(facts[name], name, constants, span) for name, constants in compared.items()}
    if math.prod(len(each) for each in values.values()) > MOST_CASES:
        return True
    rows = list(itertools.product(*values.values())) or [()]
    schema = {name: facts[name] for name in values}
    cases = pl.DataFrame(rows, schema=schema, orient="row") if schema else pl.DataFrame({"one": [1]})
    true = [parse(text, facts) for text in holds] + [~parse(text, facts) for text in fails]
    return cases.filter(pl.all_horizontal(pl.lit(True), *true)).height > 0


def _compared(text: str, facts: Mapping[str, Any], into: dict[str, list[Any]]) -> None:
    """Collects for each fact of a condition the values that it is compared with."""
    parse(text, facts)  # says what is wrong before anything is asked of it
    found = _signed([piece.text for piece in pieces(text)])
    if any(piece.upper() in _UNCERTAIN for piece in found):
        raise _TooHard
    for place, piece in enumerate(found):
        before, after = _at(found, place - 1), _at(found, place + 1)
        if piece in facts:
            into.setdefault(piece, [])  # a fact that stands alone has its usual values
        elif piece.upper() not in WORDS and after == "(":
            raise _TooHard
        if piece in _COMPARES:
            name, value = (before, after) if before in facts else (after, before)
            if name not in facts:
                raise _TooHard
            into[name].append(_constant(value))
            if facts[name] == pl.String and piece not in _SAME:
                raise _TooHard  # between two texts there is always another one
        elif piece.upper() in ("IN", "BETWEEN"):
            name = before if before.upper() != "NOT" else _at(found, place - 2)
            if name not in facts:
                raise _TooHard
            if facts[name] == pl.String and piece.upper() == "BETWEEN":
                raise _TooHard
            into[name].extend(_listed(found, place))


def _listed(found: Sequence[str], place: int) -> list[Any]:
    if found[place].upper() == "BETWEEN":
        return [_constant(_at(found, place + 1)), _constant(_at(found, place + 3))]
    if _at(found, place + 1) != "(" or ")" not in found[place:]:
        raise _TooHard
    inside = found[place + 2 : found.index(")", place)]
    return [_constant(piece) for piece in inside if piece != ","]


def _signed(told: Sequence[str]) -> list[str]:
    """The pieces with each minus drawn into the number that follows it; a difference is too hard."""
    found: list[str] = []
    for piece in told:
        if found and found[-1] == "-":
            before = found[-2] if len(found) > 1 else ""
            if before not in _COMPARES and before.upper() not in {*_BARE, ",", "IN", "BETWEEN"}:
                raise _TooHard
            found[-1] = f"-{piece}"
        else:
            found.append(piece)
    return found


def _at(found: Sequence[str], place: int) -> str:
    return found[place] if 0 <= place < len(found) else ""


def _constant(piece: str) -> Any:
    if piece.startswith("'"):
        return piece[1:-1].replace("''", "'")
    if piece.upper() in ("TRUE", "FALSE"):
        return piece.upper() == "TRUE"
    try:
        return float(piece)
    except ValueError:
        raise _TooHard from None


def _values(kind: Any, name: str, constants: Sequence[Any], span: Mapping[str, Any]) -> list[Any]:
    """The values of a fact that tell apart every comparison it stands in."""
    empty = [] if name in span else [None]
    if kind == pl.Boolean:
        return [True, False, *empty]
    if kind == pl.String:
        if name == "kind":
            return list(KINDS)
        other = next(word for n in itertools.count(1) if (word := "?" * n) not in constants)
        return [*dict.fromkeys([*map(str, constants), "", other]), *empty]
    low, high = span.get(name) or SPAN.get(name, (None, None))
    edges = {each for each in (low, high) if each is not None}
    points = sorted({float(each) for each in constants if not isinstance(each, str)} | edges or {0.0})
    around = [*points, *((a + b) / 2 for a, b in itertools.pairwise(points)), points[0] - 1, points[-1] + 1]
    if kind == pl.Int64:
        around = [
            near
            for each in points
            for near in (math.floor(each) - 1, math.floor(each), math.ceil(each), math.ceil(each) + 1)
        ]
    fitting = {each for each in around if (low is None or each >= low) and (high is None or each <= high)}
    return [*sorted(fitting), *empty]
