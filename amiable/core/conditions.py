"""Conditions of segments and steps: SQL boolean expressions over named facts, parsed by Polars. Free of Django.

A condition is checked when it is saved: only facts, values, comparisons and a few functions of one row's values. So it
can reach nothing else, takes no longer than the table is long, and says of a row the same in whatever company.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import polars as pl

from amiable.core.errors import UnableTo

LONGEST = 2_000
# fmt: off
WORDS = frozenset({
    "AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE", "LIKE", "ILIKE", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "END",
})
# fmt: on
FUNCTIONS = frozenset({"ABS", "CEIL", "COALESCE", "FLOOR", "GREATEST", "LEAST", "LENGTH", "LOWER", "ROUND", "UPPER"})
_TOKEN = re.compile(
    r"\s+ | (?P<text>'(?:[^']|'')*') | (?P<number>\d+(?:\.\d+)?(?![\w.])) | (?P<name>[A-Za-z_]\w*)(?P<call>\s*\()?"
    r" | (?P<sign><>|!=|<=|>=|[=<>+*/%(),]|-(?!-))",
    re.VERBOSE | re.ASCII,
)


def N_(text: str) -> str:
    """Marks a sentence that a room translates."""
    return text


class UnableToRead(UnableTo):
    """The condition cannot be used; the message says why in one sentence.

    `sentence` and what fills it are kept apart, so that a room can say the same in another language.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence % values if values else sentence)
        self.sentence, self.values = sentence, values


def parse(text: str, facts: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.Expr:
    """The Polars expression of a condition over `facts` (name → type). Empty text is true for everyone.

    Raises UnableToRead when a name is unknown, types do not fit, or the text is not one boolean expression.
    """
    return _parsed(text, tuple(facts.items()))


@lru_cache(maxsize=1024)
def _parsed(text: str, known: tuple[tuple[str, Any], ...]) -> pl.Expr:
    facts = dict(known)
    if not text.strip():
        return pl.lit(True)
    if len(text) > LONGEST:
        sentence = N_("A condition may have %(most)s characters at most; this one has %(length)s.")
        raise UnableToRead(sentence, most=LONGEST, length=len(text))
    _only_plain(text, facts)
    try:
        expression = pl.sql_expr(text)
        pl.sql_expr(f"({text})")  # a name after the expression would be taken for its alias, and is a mistake
    except Exception as error:
        raise UnableToRead(N_("“%(text)s” is not a condition: %(why)s."), text=text, why=_first_line(error)) from error
    try:
        schema = pl.DataFrame(schema=facts).select(expression.alias("verdict")).schema
    except Exception as error:
        sentence = N_("“%(text)s” does not fit the types of its facts: %(why)s.")
        raise UnableToRead(sentence, text=text, why=_first_line(error)) from error
    if schema["verdict"] != pl.Boolean:
        raise UnableToRead(N_("“%(text)s” is not a yes-or-no condition."), text=text)
    return expression.fill_null(False)


def _only_plain(text: str, facts: Mapping[str, object]) -> None:
    """Raises UnableToRead at the first piece that is no fact, value, comparison or known function."""
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            piece = text[place : place + 10]
            if piece.startswith(";"):
                sentence = N_("A condition is one expression: it cannot contain “%(piece)s”.")
            else:
                sentence = N_("A condition cannot contain “%(piece)s”.")
            raise UnableToRead(sentence, piece=piece)
        place = token.end()
        name = token["name"]
        if not name or name.upper() in WORDS:
            continue
        if token["call"] and name.upper() not in FUNCTIONS:
            raise UnableToRead(N_("A condition cannot use %(name)s()."), name=name)
        if not token["call"] and name not in facts:
            raise _stranger(name, facts)


def _stranger(name: str, facts: Mapping[str, object]) -> UnableToRead:
    """What is said of a name that is no fact: that it begins a sub-query, or which fact may be meant."""
    if name.upper() == "SELECT":
        sentence = N_("There is no fact named “%(name)s”: a condition cannot hold a sub-query.")
        return UnableToRead(sentence, name=name)
    near = get_close_matches(name.lower(), facts, n=1)
    if near:
        sentence = N_("There is no fact named “%(name)s”; perhaps “%(near)s” is meant.")
        return UnableToRead(sentence, name=name, near=near[0])
    return UnableToRead(N_("There is no fact named “%(name)s”."), name=name)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
