"""A bank file into the books: statements, their lines, and a credit for each movement that comes in. Each one once.

In: a file. Out: what it told, in figures and sentences, and the returns that take money back. Never: a file half in,
a movement counted twice however often and in however many formats it is told, a statement that does not hold counted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.db import connection, transaction
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.money import shown
from amiable.ledger.models import Creditor
from amiable.payments import accounts, stage
from amiable.payments.count import count
from amiable.payments.models import Statement, StatementState, Telling
from amiable.payments.statements import HEAD, Hint, Told, format_of

Progress = Callable[[int, int], None]  # bytes read, bytes in all


class UnableToBook(UnableTo):
    """The file cannot be booked; nothing of it was."""


@dataclass
class Outcome:
    """What one statement of a file came to. `credits`: money that is new; `again`: movements that were told before."""

    statement: Statement
    lines: int = 0
    came_minor: int = 0
    went_minor: int = 0
    credits: int = 0
    again: int = 0
    already: bool = False  # this very statement was booked before: nothing changed

    @property
    def said(self) -> list[str]:
        return list(self.statement.said)


@dataclass
class Booked:
    """What a file came to; `counted`: the statements whose money counts from now on."""

    format: str
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def counted(self) -> list[Statement]:
        return [each.statement for each in self.outcomes if each.statement.state == "counted" and not each.already]

    def figures(self) -> dict[str, Any]:
        """The sum of it all, as the command tells it."""
        fresh = [each for each in self.outcomes if not each.already]
        return {
            "statements": len(fresh),
            "already": len(self.outcomes) - len(fresh),
            "in_question": sum(each.statement.state == StatementState.QUESTION for each in fresh),
            "lines": sum(each.lines for each in fresh),
            "credits": sum(each.credits for each in fresh),
            "told_before": sum(each.again for each in fresh),
            "said": list(dict.fromkeys(sentence for each in self.outcomes for sentence in each.said)),
        }


@transaction.atomic
def book(
    *,
    path: Path | str,
    creditors: Sequence[Creditor],
    now: datetime,
    name: str = "",
    by: User | None = None,
    progress: Progress | None = None,
) -> Booked:
    """Books every statement of a file with the creditor whose account it is, among these.

    Raises UnableToRead or UnableToBook, with one sentence; then nothing of the file was taken.
    """
    path = Path(path)
    if not path.is_file():
        raise UnableToBook(_("There is no file %(path)s.") % {"path": path})
    if not creditors:
        raise UnableToBook(_("There is no creditor whose statements could be booked."))
    size = path.stat().st_size
    with path.open("rb") as file:
        form = format_of(file.read(HEAD))
        file.seek(0)
        first = creditors[0]
        booked = Booked(form.key)
        stage.create()
        for told in form.statements(file, hint=Hint(first.currency, first.country)):
            booked.outcomes.append(_book(told, creditors, form.key, name=(name or path.name)[:200], now=now, by=by))
            if progress:
                progress(_place(file, size), size)
    return booked


def _place(file: IO[bytes], size: int) -> int:
    return size if file.closed else min(file.tell(), size)


def _book(
    told: Told, creditors: Sequence[Creditor], form: str, *, name: str, now: datetime, by: User | None
) -> Outcome:
    stage.empty()
    measured = stage.fill(told.lines)
    creditor, iban, doubts = _whose(told, creditors)
    _wait_for_turn(creditor)
    currency = told.currency or creditor.currency
    closed_on = max(filter(None, (told.closed_on, measured.last)), default=now.date())
    statement = Statement(
        creditor=creditor, source=f"bank:{iban}", iban=iban, currency=currency, format=form, telling=told.telling,
        number=told.number, reference=told.reference, file=name,
        opened_on=min(filter(None, (told.opened_on, measured.first)), default=closed_on), closed_on=closed_on,
        opening_minor=told.opening_minor, closing_minor=told.closing_minor, known_at=now, by=by,
    )  # fmt: skip
    statement.external_id = measured.identity(told.telling, currency, told.opening_minor, told.closing_minor, closed_on)
    outcome = Outcome(statement, measured.lines, measured.came_minor, measured.went_minor)
    known = Statement.objects.filter(
        creditor=creditor, source=statement.source, external_id=statement.external_id
    ).first()
    if known is not None:
        outcome.statement, outcome.already = known, True
        return outcome
    doubts += _doubts(statement, measured)
    statement.said = [*doubts, *told.said, *_oddities(told, measured)]
    statement.state = StatementState.QUESTION if doubts else StatementState.COUNTED
    statement.save()
    if doubts:
        stage.keep(statement, provisional=True)
    else:
        outcome.credits, outcome.again = count(statement, measured, now=now)
    audit.record(
        "statement.booked", now=now, user=by, actor="" if by else "bank", creditor_ref=creditor.pk, subject="statement",
        subject_ref=statement.pk, state=statement.state, lines=measured.lines, credits=outcome.credits,
    )  # fmt: skip
    return outcome


@transaction.atomic
def accept(*, statement: Statement, now: datetime, by: User | None) -> Outcome:
    """A person's word: a statement in question counts after all; what others told since then is not counted again."""
    locked = _in_question(statement)
    stage.create()
    stage.reload(locked)
    measured = stage.measure()
    locked.state, locked.decided_at, locked.decided_by = StatementState.COUNTED, now, by
    locked.save(update_fields=["state", "decided_at", "decided_by"])
    outcome = Outcome(locked, measured.lines, measured.came_minor, measured.went_minor)
    outcome.credits, outcome.again = count(locked, measured, now=now)
    audit.record(
        "statement.accepted", now=now, user=by, actor="" if by else "cli", creditor_ref=locked.creditor_id,
        subject="statement", subject_ref=locked.pk, credits=outcome.credits,
    )  # fmt: skip
    return outcome


@transaction.atomic
def drop(*, statement: Statement, now: datetime, by: User | None) -> Statement:
    """A person's word: a statement in question never counts. Its lines stay to be looked at."""
    locked = _in_question(statement)
    locked.state, locked.decided_at, locked.decided_by = StatementState.DROPPED, now, by
    locked.save(update_fields=["state", "decided_at", "decided_by"])
    audit.record(
        "statement.dropped",
        now=now,
        user=by,
        creditor_ref=locked.creditor_id,
        subject="statement",
        subject_ref=locked.pk,
    )
    return locked


def _in_question(statement: Statement) -> Statement:
    _wait_for_turn(statement.creditor)
    locked = Statement.objects.select_for_update(of=("self",)).get(pk=statement.pk)
    if locked.state != StatementState.QUESTION:
        raise UnableToBook(_("This statement has been decided already."))
    return locked


def _wait_for_turn(creditor: Creditor) -> None:
    """One statement at a time per creditor, until the end of the transaction: nobody pairs what another is writing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('amiable.bank'), %s)", [creditor.pk])


# -- does it hold --------------------------------------------------------------------------------------------------------


def _whose(told: Told, creditors: Sequence[Creditor]) -> tuple[Creditor, str, list[str]]:
    """The creditor, the account as the books name it, and why that is in doubt."""
    found = accounts.owner_of(told.account, creditors)
    if found is not None:
        return *found, []
    if not told.account:
        raise UnableToBook(_("The file does not name its account, and more than one is possible: it cannot be booked."))
    if len(creditors) > 1:
        raise UnableToBook(
            _("The account %(iban)s belongs to none of the creditors: say whose it is.") % {"iban": told.account}
        )
    return creditors[0], told.account, [accounts.doubt(told.account, creditors[0])]


def _doubts(statement: Statement, measured: stage.Measured) -> list[str]:
    """Why the statement does not hold: then its money waits for a person."""
    others = sorted(set(measured.sums) - {statement.currency})
    if others:
        return [
            _("It tells movements in %(others)s, the account is kept in %(own)s.")
            % {"others": ", ".join(others), "own": statement.currency}
        ]
    opening, closing = statement.opening_minor, statement.closing_minor
    if statement.telling != Telling.BOOKED or opening is None or closing is None:
        return []
    expected = opening + measured.sums.get(statement.currency, 0)
    if expected == closing:
        return []
    return [
        _("Opening balance and movements make %(made)s, the closing balance says %(told)s: %(apart)s apart.")
        % {
            "made": _shown(expected, statement),
            "told": _shown(closing, statement),
            "apart": _shown(abs(closing - expected), statement),
        }
    ]


def _oddities(told: Told, measured: stage.Measured) -> list[str]:
    """What is odd, and keeps nothing from counting."""
    said = []
    if told.announced:
        said.append(
            ngettext(
                "%(count)d movement is announced and not booked yet: it will be told again.",
                "%(count)d movements are announced and not booked yet: they will be told again.",
                told.announced,
            )
            % {"count": told.announced}
        )
    if measured.nil:
        said.append(
            ngettext(
                "%(count)d movement of nil is kept and counts nothing.",
                "%(count)d movements of nil are kept and count nothing.",
                measured.nil,
            )
            % {"count": measured.nil}
        )
    if measured.wrong_ibans:
        said.append(
            ngettext(
                "%(count)d IBAN of a payer has a wrong check digit: it is kept as told.",
                "%(count)d IBANs of payers have a wrong check digit: they are kept as told.",
                measured.wrong_ibans,
            )
            % {"count": measured.wrong_ibans}
        )
    return said


def _shown(amount_minor: int, statement: Statement) -> str:
    return shown(amount_minor, statement.currency, get_language() or "fr")
