"""The commands about segments and scenarios: `segments check`, `scenario check`, `why`, `simulate`; how they write it.

Comes in: a file, or a customer and a day. Goes out: sentences, or JSON alone. Nothing is written to the database.
"""

import sys
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amiable.cli import Day, Json, Named, UnableToObey, _bar, _creditor, _day, _sole_creditor, _start, _tell
from amiable.cli_texts import texts

if TYPE_CHECKING:
    from amiable.ledger.models import Customer
    from amiable.scenario.explain import Explanation
    from amiable.scenario.finding import Finding

scenarios = typer.Typer(help="Scenarios: which step is due, for whom, and why.", no_args_is_help=True)
segment_sets = typer.Typer(help="Segments: ordered conditions over facts.", no_args_is_help=True)


@cache
def join(app: typer.Typer) -> None:
    """Adds these commands to the command line, once."""
    app.add_typer(scenarios, name="scenario")
    app.add_typer(segment_sets, name="segments")
    app.add_typer(texts, name="texts")
    app.command()(why)
    app.command()(simulate)


@scenarios.callback()
def _scenarios() -> None:
    """Keeps `check` a command of its own, even while it is the only one."""


@scenarios.command()
def check(
    file: Annotated[Path, typer.Argument(help="A scenario as YAML.")], creditor: Named = "", json: Json = False
) -> None:
    """Say in sentences what is wrong with a scenario; exit code 1 when it could not be saved. Nothing is saved."""
    now = _start()
    from django.utils.translation import override

    from amiable.core.calendar import day_of
    from amiable.core.conditions import UnableToRead
    from amiable.scenario import check as verb
    from amiable.scenario.finding import ERROR, Finding
    from amiable.scenario.shelf import facts
    from amiable.scenario.transcribe import read_text

    if not file.is_file():
        raise UnableToObey(f"There is no file {file}.")
    owner = _creditor(creditor, make=False, now=now) if creditor else None
    with override("en"):
        try:
            data = read_text(file.read_text(encoding="utf-8"))
            found = verb.examine(data, creditor=owner, facts=facts(), as_of=day_of(now))
        except UnicodeDecodeError as error:
            raise UnableToObey(f"{file} is not a text file.") from error
        except UnableToRead as error:
            found = [Finding(ERROR, "unreadable", "", verb.sentence(error))]
    _write_findings(found, json)
    if any(finding.stops for finding in found):
        raise typer.Exit(1)


def _write_findings(found: Iterable["Finding"], json: bool) -> None:
    errors = [finding.told() for finding in found if finding.stops]
    warnings = [finding.told() for finding in found if not finding.stops]
    if json:
        _tell({"ok": not errors, "errors": errors, "warnings": warnings}, json)
        return
    for mark, told in (("ERROR", errors), ("warning", warnings)):
        for finding in told:
            print(f"{mark:9}{finding['step'] or '–':20}{finding['sentence']}")
    print(f"{len(errors)} errors, {len(warnings)} warnings." if errors or warnings else "Nothing to say against it.")


def why(
    customer: Annotated[str, typer.Argument(help="The customer's number or name.")],
    as_of: Day = "",
    creditor: Named = "",
    json: Json = False,
) -> None:
    """Say why a customer was, or was not, contacted on a day, and what comes next."""
    now = _start()
    from amiable.scenario import explain

    found = explain.why(customer=_customer(customer, creditor, now), as_of=_day(as_of, now))
    if json:
        _tell(asdict(found), json)
    else:
        _write_why(found)


def _customer(wanted: str, creditor: str, now: Any) -> "Customer":
    """The one customer of that number, else of that name."""
    from amiable.ledger.models import Customer

    among = Customer.objects.filter(merged_into=None).select_related("creditor")
    if creditor:
        among = among.filter(creditor=_creditor(creditor, make=False, now=now))
    found = list(among.filter(number=wanted.strip())[:2]) or list(among.filter(name__iexact=wanted.strip())[:2])
    found = found or list(among.filter(name__icontains=wanted.strip())[:2])
    if not found:
        raise UnableToObey(f"There is no customer {wanted}.")
    if len(found) > 1:
        one, two = found
        raise UnableToObey(
            f"There are several customers {wanted}: {one.number} of {one.creditor}, {two.number} of {two.creditor}; give a number"
            " and --creditor."
        )
    return found[0]


def _write_why(found: "Explanation") -> None:
    who = found.customer
    print(f"{who['name']} ({who['number']}, {who['kind']}) of {who['creditor']}, as of {found.as_of}")
    if not found.facts:
        print("\nNothing was open on that day: no step could be due.")
    for facts in found.facts:
        values = ", ".join(f"{name} {_plain(value)}" for name, value in facts.items() if name != "currency")
        print(f"\nFacts in {facts['currency']}\n  {values}")
    for part in found.segment:
        print(f"\nSegment    {part['key'] or 'none'}, because {part['condition'] or 'no other one fits'}")
    for part in found.scenario:
        why_this = "its case began with it" if part["pinned"] else part["condition"] or "it is for everyone"
        print(f"Scenario   {part['key']} version {part['version']} ({part['state']}), because {why_this}")
    for part in found.experiment:
        print(f"Experiment {part['sentence']}")
    if found.invoices:
        print("\nOpen invoices")
    for line in found.invoices:
        reached = f"reached {line['step'] or line['level']}" if line["level"] else "no step yet"
        ago = f" {line['days_since_step']} days ago" if line["days_since_step"] is not None else ""
        held = f", held ({line['hold']})" if line["held"] else ""
        held += f", its journey ended: {line['ended_by']}" if line["ended_by"] else ""
        amount = _amount(line["open_minor"], line["currency"])
        print(f"  {line['reference']:16}{amount:>16}  {line['days_late']:>5} days late, {reached}{ago}{held}")
    for said in found.verdict:
        step = f"{said['step']}: {said['verdict']}" if said["step"] else "nothing"
        rail = f" [{said['rail']}]" if said["rail"] else ""
        print(f"\nThe engine says for that day: {step}{rail}. {said['sentence']}")
    _write_course(found)


def _write_course(found: "Explanation") -> None:
    if found.decided:
        print("\nRecorded")
    for row in found.decided:
        print(
            f"  {row['on']}  {row['step']:18}{row['verdict']:5}{row['sentence']} ({row['scenario']} version {row['version']})"
        )
    for row in found.campaigns:
        because = row["filter"] or "it is for everyone"
        print(
            f"  {row['on']}  campaign “{row['name']}”: {row['verdict']}. {row['sentence']} (listed because {because})"
        )
    if found.ahead:
        print("\nThe next 90 days, if nothing changes")
    for step in found.ahead:
        amount = _amount(step.amount_minor, step.currency)
        print(f"  {step.on}  {step.step:18}{step.verdict:5}{amount:>16}  {step.sentence or 'The step is due.'}")


def _amount(amount_minor: int, currency: str) -> str:
    from amiable.core.money import major

    return f"{major(amount_minor, currency)} {currency}"


def _plain(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


@segment_sets.command("check")
def check_segments(
    file: Annotated[Path, typer.Argument(help="A YAML file with `segments:`, each with key, label {fr, en} and when.")],
    creditor: Annotated[str, typer.Option("--creditor", help="Also say whom each would hold, of this creditor.")] = "",
    json: Json = False,
) -> None:
    """Say what is wrong with a file of segments (exit code 1), or whom each would hold; nothing is saved."""
    now = _start(migrate=bool(creditor))
    from amiable.portfolio import segments as verbs
    from amiable.portfolio.preview import preview

    rules = verbs.load(path=file)
    wrong = verbs.sentences(rules)
    told: dict[str, Any] = {"segments": len(rules), "wrong": wrong}
    if not wrong and creditor:
        owner = _creditor(creditor, make=False, now=now)
        found = preview(creditor=owner, segments=rules, as_of=_day("", now))
        matches = [{"key": each.key, "customers": each.customers, "alone": each.alone} for each in found.matches]
        told |= {"creditor": owner.name, "customers": found.customers, "moved": found.moved, "matches": matches}
    if json:
        _tell(told, json)
    elif wrong:
        print("\n".join(wrong), file=sys.stderr)
    else:
        print(f"{len(rules)} segments are fine.")
        for each in told.get("matches", ()):
            print(f"{each['key'] or '(no segment)':40}{each['customers']:>10}")
        if creditor:
            print(f"{told['moved']} of {told['customers']} customers would move.")
    if wrong:
        raise typer.Exit(1)


def simulate(
    scenario: Annotated[str, typer.Option(help="A key, key@version, house:key, a YAML file, or several with commas.")],
    against: Annotated[str, typer.Option(help="The same, or none: nobody is contacted.")] = "none",
    days: Annotated[int, typer.Option(help="How many days ahead.")] = 90,
    creditor: Annotated[
        str, typer.Option("--creditor", help="The creditor's name or key, where there are several.")
    ] = "",
    as_of: Day = "",
    seed: Annotated[int, typer.Option(help="The same seed gives the same figures.")] = 1,
    replay: Annotated[str, typer.Option(help="Replay over the past since that day (YYYY-MM-DD) instead.")] = "",
    json: Json = False,
) -> None:
    """Say what two scenarios would bring from today on, or what one would have done in the past; nothing is written."""
    now = _start()
    from amiable.scenario import simulate as verbs
    from amiable.scenario.contend import contender

    if seed < 0:
        raise UnableToObey("A seed is a whole number from 0.")
    owner, on = _sole_creditor(creditor, now), _day(as_of, now)
    first = contender(name=scenario, creditor=owner)
    with _bar("Day", json) as tell:

        def told(done: int, whole: int) -> None:
            tell(str(done), done, whole)

        if replay:
            since = _day(replay, now)
            found = verbs.replay(scenario=first, creditor=owner, since=since, until=on, progress=told)
            found["decisions"] = len(found["decisions"])
        else:
            second = contender(name=against, creditor=owner)
            found = verbs.project(
                scenario=first, against=second, creditor=owner, as_of=on, days=days, seed=seed, progress=told
            )
    if json or replay:
        _tell(found, json)
        return
    _tell_apart(found)


def _tell_apart(found: dict[str, Any]) -> None:
    """Two scenarios side by side at each strength of contacts, and whether the ranking holds."""
    from amiable.core.money import shown

    def money(minor: int) -> str:
        return shown(minor, found["currency"])

    print(
        f"{found['customers']} customers owe {money(found['open_minor'])}; {found['days']} days from {found['as_of']}."
    )
    print(f"By itself: {money(found['alone']['cash_minor'])}")
    for step in found["sweep"]:
        for name in ("scenario", "against"):
            told = step[name]
            days = "–" if told["days_to_pay"] is None else told["days_to_pay"]
            print(
                f"x{step['effect']:<5g}{found[name]:24} cash {money(told['cash_minor'])}, contacts {told['contacts']},"
                f" cost {money(told['cost_minor'])}, {days} days, opt-outs {told['opt_outs']}"
            )
        print(f"      difference {money(step['difference_minor'])} ± {money(step['margin_minor'])}: {step['better']}")
    print(found["ranking"]["sentence"])
