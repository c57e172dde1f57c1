"""Conditions that people write: what is plain is read, anything else is refused with a sentence, and nothing is reached."""

import ast
import contextlib
import inspect
import time
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amiable.core import grammar
from amiable.core.conditions import FUNCTIONS, LONGEST, WORDS, UnableToRead, parse
from amiable.core.grammar import NUMBER, TEXT, YES

FACTS: dict[str, Any] = {
    "overdue": pl.Float64,
    "dpd": pl.Float64,
    "late_12m": pl.Int64,
    "kind": pl.String,
    "key_account": pl.Boolean,
}
TABLE = pl.DataFrame(
    {
        "overdue": [0.0, 500.0, None, 80.5],
        "dpd": [0.0, 31.0, 3.0, 90.0],
        "late_12m": [0, 2, 1, 5],
        "kind": ["consumer", "business", "public", "L'Oréal"],
        "key_account": [False, True, None, False],
    },
    schema=FACTS,
)


# Every sentence of the grammar that is marked for translation.
OURS = {
    str(call.args[0].value)
    for call in ast.walk(ast.parse(inspect.getsource(grammar)))
    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "N_" and isinstance(call.args[0], ast.Constant)
}


def true_of(text: str) -> list[bool]:
    """For which rows of TABLE a condition holds, each asked alone as it is in company."""
    expression = parse(text, FACTS)
    together = TABLE.select("kind", verdict=expression)["verdict"].to_list()
    alone = [TABLE[row].select("kind", verdict=expression)["verdict"].item() for row in range(TABLE.height)]
    assert together == alone
    return together


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", "1111"),
        ("  \n", "1111"),
        ("overdue > 80", "0101"),
        ("overdue > 80 AND kind = 'business'", "0100"),
        ("kind = 'L''Oréal'", "0001"),
        ("kind IN ('consumer', 'public')", "1010"),
        ("kind NOT LIKE 'b%'", "1011"),
        ("overdue IS NULL OR key_account", "0110"),
        ("NOT key_account", "1001"),
        ("dpd BETWEEN 1 AND 31", "0110"),
        ("coalesce(overdue, 0) = 0", "1010"),
        ("CASE WHEN late_12m >= 2 THEN dpd > 50 ELSE FALSE END", "0001"),
        ("overdue / 2 + 1 > -1 * dpd", "1101"),
        ("overdue<>0", "0101"),
        ("true", "1111"),
        ("1 = 2", "0000"),
        ("length(kind) > 8 or upper(kind) = 'PUBLIC'", "0010"),
    ],
)
def test_plain_conditions(text: str, rows: str) -> None:
    assert true_of(text) == [row == "1" for row in rows]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("turnover > 1", "no fact named “turnover”"),
        ("overdu > 1", "no fact named “overdu”; perhaps “overdue” is meant."),
        ("Key_Account", "perhaps “key_account” is meant."),
        ("Overdue > 1", "no fact named “Overdue”"),
        ("kind > 1", "“1” is a number and “kind” is a text: they cannot be compared or combined."),
        ("overdue = 'much'", "“overdue” is a number and “much” is a text: they cannot be compared or combined."),
        ("key_account = 1", "“1” is a number and “key_account” is yes or no: they cannot be compared"),
        ("(dpd > 3) = 'x'", "“x” is a text and “(dpd > 3)” is yes or no: they cannot be compared"),
        ("overdue BETWEEN 'a' AND 'b'", "“overdue” is a number and “a” is a text"),
        ("kind IN ('public', 3)", "“3” is a number and “kind” is a text"),
        ("COALESCE(kind, dpd) = 'x'", "“dpd” is a number and “kind” is a text"),
        ("CASE WHEN key_account THEN kind ELSE dpd END = 'x'", "“dpd” is a number and “kind” is a text"),
        ("kind + 'x' = 'y'", "“x” is a text: nothing can be calculated with it (+)."),
        ("overdue / kind > 1", "“kind” is a text: nothing can be calculated with it (/)."),
        ("-kind > 1", "“kind” is a text: nothing can be calculated with it (-)."),
        ("key_account * 2 > 1", "“key_account” is yes or no: nothing can be calculated with it (*)."),
        ("overdue AND key_account", "“overdue” is a number where yes or no is needed: compare it with a number."),
        ("NOT kind", "“kind” is a text where yes or no is needed: compare it with a text."),
        ("CASE WHEN dpd THEN TRUE END", "“dpd” is a number where yes or no is needed"),
        ("kind IS TRUE", "“kind” is a text where yes or no is needed"),
        ("ABS(kind) > 1", "ABS() needs a number, which “kind” is not."),
        ("UPPER(dpd) = 'X'", "UPPER() needs a text, which “dpd” is not."),
        ("dpd LIKE '3%'", "LIKE needs a text, which “dpd” is not."),
        ("kind LIKE kind", "LIKE is followed by a text between quotation marks."),
        ("ABS(dpd, 2) > 1", "ABS() cannot be used with 2 values."),
        ("ROUND(dpd, 1.5) > 1", "second value of ROUND()"),
        ("dpd > 99999999999999999999", "too many digits"),
        ("overdue", "yes-or-no"),
        ("'x'", "yes-or-no"),
        ("overdue >", "“overdue >” is not a condition: something is missing at its end."),
        ("(overdue > 1", "something is missing at its end."),
        ("overdue > > 1", "is not a condition: “>” is not expected there."),
        ("overdue > 1 key_account", "is not a condition"),
        ("(" * 500 + "key_account" + ")" * 500, "is not a condition"),
        ("NOT " * 400 + "key_account", ""),
        ("overdue > 1; DROP TABLE x", "one expression: it cannot contain “; DROP"),
        ("overdue > 1 -- so", "cannot contain “-- so”"),
        ("overdue > 1 /* so */ OR true", ""),
        ('"overdue" > 1', "cannot contain"),
        ("overdue::text = '1'", "cannot contain"),
        ("overdue > 1 AS z", "no fact named “AS”"),
        ("overdue IN (SELECT overdue FROM self)", "no fact named “SELECT”: a condition cannot hold a sub-query."),
        ("EXISTS (FROM read_csv('/etc/passwd'))", "cannot use EXISTS()"),
        ("overdue IN (TABLE frame)", "no fact named “TABLE”"),
        ("read_csv('/etc/passwd') = 'x'", "cannot use read_csv()"),
        ("read_parquet ('x') = 'x'", "cannot use read_parquet()"),
        ("overdue > AVG(overdue)", "cannot use AVG()"),
        ("SUM(overdue) OVER () > 1", "cannot use SUM()"),
        ("COUNT(*) > 1", "cannot use COUNT()"),
        ("COLUMNS('.*') > 1", "cannot use COLUMNS()"),
        ("current_date > '2020-01-01'", "no fact named “current_date”"),
        ("LENGTH(LPAD('x', 2000000000, 'y')) > 3", "cannot use LPAD()"),
        ("kind RLIKE '(a+)+$'", "no fact named “RLIKE”"),
        ("kind ~ 'a'", "cannot contain “~"),
        ("overdue > 1e400", "cannot contain"),
        ("overdue > ٣", "cannot contain"),
        ("kind = 'open", "cannot contain"),
        ("overdue > 1\x00", "cannot contain"),
        ("key_account OR " * 200, "2000 characters"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str, told: str) -> None:
    with pytest.raises(UnableToRead) as caught:
        parse(text, FACTS)
    assert told in str(caught.value)
    assert str(caught.value).strip()


@pytest.mark.parametrize("text", ["0.5 / late_12m > 1", "late_12m % 0.0 > 1", "late_12m / (1.5 * late_12m) < 1"])
def test_a_division_by_nothing_stops_nobody(text: str) -> None:
    assert len(true_of(text)) == TABLE.height


def test_the_longest_condition_is_read_quickly() -> None:
    text = " OR ".join(["overdue > 1"] * 130)
    assert len(text) <= LONGEST
    started = time.perf_counter()
    assert TABLE.select(verdict=parse(text, FACTS))["verdict"].to_list() == [False, True, False, True]
    assert time.perf_counter() - started < 10


PIECES = st.sampled_from(
    sorted(WORDS) + [f"{name}(" for name in sorted(FUNCTIONS)] + list(FACTS)
    + ["'x'", "''", "1", "0.5", "99999999999999999999", "=", "<>", "<", ">=", "+", "-", "*", "/", "%", "(", ")", ","]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(PIECES, max_size=9).map(" ".join))
def test_whatever_is_read_gives_each_row_a_verdict_of_its_own(text: str) -> None:
    try:
        verdicts = true_of(text)
    except UnableToRead:
        return
    assert all(verdict in (True, False) for verdict in verdicts)
    assert len(verdicts) == TABLE.height


def spelled(kind: str, deep: int = 2) -> st.SearchStrategy[str]:
    """Parts that are well formed, and of that kind at their ends; within them anything may stand where it does not fit."""
    plain = {
        NUMBER: st.sampled_from(["overdue", "dpd", "late_12m", "1", "0.5", "0"]),
        TEXT: st.sampled_from(["kind", "'x'", "''"]),
        YES: st.sampled_from(["key_account", "TRUE", "kind IS NULL"]),
    }
    if not deep:
        return plain[kind]
    some = st.deferred(lambda: st.sampled_from([NUMBER, TEXT, YES]).flatmap(lambda each: spelled(each, deep - 1)))
    richer = {
        NUMBER: ["({} + {})", "({} / {})", "({} % {})", "-{}", "ABS({})", "ROUND({}, 1)", "LENGTH({})", "GREATEST({}, {})"],
        TEXT: ["UPPER({})", "COALESCE({}, {})", "CASE WHEN {} THEN {} ELSE {} END", "CASE {} WHEN {} THEN {} END"],
        YES: ["({} = {})", "({} < {})", "({} AND {})", "({} OR NOT {})", "({} IN ({}, {}))", "({} BETWEEN {} AND {})",
              "({} LIKE 'x%')", "({} IS NOT NULL)", "({} IS TRUE)"],
    }  # fmt: skip
    filled = st.sampled_from(richer[kind]).flatmap(
        lambda shape: st.tuples(*[some] * shape.count("{}")).map(lambda parts: shape.format(*parts))
    )
    return plain[kind] | filled


@settings(max_examples=400)
@given(spelled(YES, 3))
def test_what_does_not_fit_together_is_told_in_our_own_words(text: str) -> None:
    refused: list[UnableToRead] = []
    try:
        assert len(true_of(text)) == TABLE.height
    except UnableToRead as error:
        refused.append(error)
    assert {error.sentence for error in refused} <= OURS


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_no_text_does_anything_but_be_read_or_be_refused(text: str) -> None:
    with contextlib.suppress(UnableToRead):
        true_of(text)
