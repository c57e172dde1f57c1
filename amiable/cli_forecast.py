"""The money to expect, week by week, and how good such forecasts were on past days.

Comes in: a creditor, a day. Goes out: a table, or JSON alone. A day still to come is refused.
"""

from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amiable.cli import Day, Json, UnableToObey, _bar, _day, _sole_creditor, _start, _tell

if TYPE_CHECKING:
    from amiable.insight.forecast.foresee import Expected, Outlook
    from amiable.insight.forecast.look_back import Looked
    from amiable.insight.forecast.score import Score

Whose = Annotated[str, typer.Option("--creditor", help="The creditor's name or key; the only one when not said.")]


@cache
def join(main: typer.Typer) -> None:
    """Adds the command to the command line, once."""
    main.command("forecast")(forecast)


def forecast(
    creditor: Whose = "",
    as_of: Day = "",
    weeks: Annotated[int, typer.Option(help="How many weeks ahead.")] = 13,
    back_test: Annotated[bool, typer.Option("--back-test", help="Try it on past days instead, a week apart.")] = False,
    times: Annotated[int, typer.Option(help="--back-test: how many past days.")] = 12,
    json: Json = False,
) -> None:
    """Say which money to expect week by week, from what is open and how each customer pays; nothing is written."""
    now = _start()
    from amiable.insight.forecast.foresee import check, foresee
    from amiable.insight.forecast.look_back import look_back

    owner, day, today = _sole_creditor(creditor, now), _day(as_of, now), _day("", now)
    check(as_of=day, weeks=weeks, today=today)
    if not back_test:
        told = foresee(creditor=owner, as_of=day, weeks=weeks)
        _tell(_plain(told), json) if json else _say(told)
        return
    if not 1 <= times <= 104:
        raise UnableToObey("A back-test takes from 1 to 104 past days.")
    with _bar("Looking back", json) as bar:
        done = iter(range(times))
        looked = look_back(
            creditor=owner, as_of=day, times=times, weeks=weeks, tell=lambda on: bar(on, next(done), times)
        )
    _tell(_judged(looked), json) if json else _judge(looked)


def _plain(told: "Outlook") -> dict[str, Any]:
    return {
        "as_of": told.as_of, "learnt_from": told.learnt_from, "sentence": told.sentence,
        "currencies": [{**asdict(each), "later_minor": each.later_minor} for each in told.currencies],
    }  # fmt: skip


def _say(told: "Outlook") -> None:
    if told.sentence:
        print(told.sentence)
    for each in told.currencies:
        _say_currency(each)
    if told.currencies:
        print(f"Learnt from {told.learnt_from} payments. Invoices that are not issued yet are not in it.")


def _say_currency(each: "Expected") -> None:
    from amiable.core.money import shown

    def amount(minor: int) -> str:
        return shown(minor, each.currency, "en")

    print(
        f"{each.currency}: {amount(each.open_minor)} open; paid already and not in it: {amount(each.netted_minor)}",
        end="",
    )
    print(f"; sold or insolvent and not in it: {amount(each.outside_minor)}")
    print(f"{'week until':12}{'low':>16}{'expected':>16}{'high':>16}{'by then':>16}  of which")
    for week in each.weeks:
        parts = ", ".join(f"{name} {amount(minor)}" for name, minor in week.parts.items() if name != "due")
        row = "".join(f"{amount(minor):>16}" for minor in (week.low, week.middle, week.high, week.upto_middle))
        print(f"{week.until!s:12}{row}  {parts}".rstrip())
    print(f"{'later':12}{'':16}{amount(each.later_minor):>16}  or never")


def _judged(looked: "Looked") -> dict[str, Any]:
    return {
        "currencies": [asdict(each) for each in looked.scores],
        "silent": {day.isoformat(): why for day, why in looked.silent.items()},
    }


def _judge(looked: "Looked") -> None:
    for day, why in looked.silent.items():
        print(f"{day}: {why}")
    for each in looked.scores:
        print(f"{each.currency:22}{'sums':>6}{'error':>8}{'bias':>8}{'band':>7}   due date + mean: error, bias")
        for name, score in (("first week", each.first), ("every week", each.every), ("four weeks", each.four)):
            print(f"{name:22}{score.sums:>6}{_shares(score)}")


def _shares(score: "Score") -> str:
    def share(value: float | None, sign: str = "") -> str:
        return "-" if value is None else f"{value:{sign}.1%}"

    own = f"{share(score.error_share):>8}{share(score.bias, '+'):>8}{share(score.inside):>7}"
    return f"{own}   {share(score.plain_error_share):>22}{share(score.plain_bias, '+'):>8}"
