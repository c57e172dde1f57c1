"""Conditions of segments and steps: SQL boolean expressions over named facts, parsed by Polars. Free of Django.

A condition is checked when it is saved (names, type, one expression, no sub-query); it can never reach anything but
the columns of the table that it is given.
"""

import re
from collections.abc import Mapping

import polars as pl

from amiable.core.errors import UnableTo

LONGEST = 2_000


class UnableToRead(UnableTo):
    """The condition cannot be used; the message says why in one sentence."""


def parse(text: str, facts: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.Expr:
    """The Polars expression of a condition over `facts` (name → type). Empty text is true for everyone.

    Raises UnableToRead when a name is unknown, types do not fit, or the text is not one boolean expression.
    """
    if not text.strip():
        return pl.lit(True)
    if len(text) > LONGEST:
        raise UnableToRead(f"A condition may have {LONGEST} characters at most; this one has {len(text)}.")
    if re.search(r"\bselect\b", text, re.IGNORECASE):
        raise UnableToRead("A condition may not contain a sub-query.")
    try:
        expression = pl.sql_expr(text)
    except Exception as error:
        raise UnableToRead(f"“{text}” is not a condition: {_first_line(error)}.") from error
    unknown = sorted(set(expression.meta.root_names()) - set(facts))
    if unknown:
        raise UnableToRead(f"There is no fact named “{unknown[0]}”.")
    try:
        schema = pl.DataFrame(schema=dict(facts)).select(expression.alias("verdict")).schema
    except Exception as error:
        raise UnableToRead(f"“{text}” does not fit the types of its facts: {_first_line(error)}.") from error
    if schema["verdict"] != pl.Boolean:
        raise UnableToRead(f"“{text}” is not a yes-or-no condition.")
    return expression.fill_null(False)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
