"""Conditions of segments and steps: SQL boolean expressions over named facts, evaluated by Polars. Free of Django.

A condition is checked when it is saved: only facts, values, comparisons and a few functions of one row's values, which fit
together (core/grammar.py). So it can reach nothing else, takes no longer than the table is long, and says of a row the
same in whatever company.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import polars as pl

from amiable.core.grammar import FUNCTIONS, N_, NUMBER, TEXT, WORDS, YES, Piece, UnableToRead, fit, pieces

__all__ = ["FUNCTIONS", "LONGEST", "N_", "WORDS", "UnableToRead", "parse", "pieces"]
LONGEST = 2_000


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
    found = pieces(text)
    _only_plain(found, facts)
    if fit(text, kinds={name: _kind(of) for name, of in facts.items()}) != YES:
        raise UnableToRead(N_("“%(text)s” is not a yes-or-no condition."), text=text)
    try:
        expression = pl.sql_expr(" ".join(map(_written, found)))
        pl.DataFrame(schema=facts).select(expression)
    except Exception as error:
        # What fits and is none the less refused there: nobody is helped by Polars' words.
        raise UnableToRead(N_("“%(text)s” cannot be evaluated; say it in another way."), text=text) from error
    return expression.fill_null(False)


def _written(piece: Piece) -> str:
    """A piece as Polars is given it: its decimals would stop at a division by nothing, where floats are just infinite."""
    return f"{piece.text}e0" if piece.kind == NUMBER and "." in piece.text else piece.text


def _kind(of: Any) -> str:
    return YES if of == pl.Boolean else TEXT if of == pl.String else NUMBER


def _only_plain(found: Sequence[Piece], facts: Mapping[str, object]) -> None:
    """Raises UnableToRead at the first name that is no fact, word or known function."""
    for at, piece in enumerate(found):
        if piece.kind != "name" or piece.text.upper() in WORDS:
            continue
        called = at + 1 < len(found) and found[at + 1].text == "("
        if called and piece.text.upper() not in FUNCTIONS:
            raise UnableToRead(N_("A condition cannot use %(name)s()."), name=piece.text)
        if not called and piece.text not in facts:
            raise _stranger(piece.text, facts)


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
