"""What a colleague says to a customer, or notes of it: a call, a message of their own, a note, a statement, a copy, a link."""

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy

from amiable.casework import note, task
from amiable.casework.models import Task, TaskKind
from amiable.core.words import in_house
from amiable.ledger.models import Medium
from amiable.outreach.models import Tone
from amiable.outreach.order import Order, order, take_back
from amiable.web.desk import chain_forms, copies, deed, forms, pay_link, write
from amiable.web.desk.deed import Act, Done, Group, Undoing, with_open


def _call(act: Done) -> None:
    """A call that nobody asked for is a task like any other: with its script, its outcomes and what follows from them.

    Where one lies on the desk for today, it is this one that is taken up.
    """
    if not _calls(act).exists():
        task.ask(
            kind=TaskKind.CALL,
            key=f"desk:{act.said['token']}",
            customer=act.customer,
            title=in_house(gettext_lazy("Call of one's own accord")),
            due_on=act.as_of,
            context={"invoices": [pk for pk, row in act.form.open.items() if row.due_on < act.as_of]},
            assignee=act.by,
            now=act.now,
        )


def _calls(act: Done) -> QuerySet[Task]:
    return act.customer.tasks.filter(kind=TaskKind.CALL, done_at=None, due_on__lte=act.as_of).order_by("due_on", "pk")


def _the_call(act: Done) -> str:
    """Where the call is that is on; nowhere once its outcome is noted."""
    found = _calls(act).first()
    return reverse("desk:task", args=[found.pk]) if found else ""


def _note(act: Done) -> None:
    kept = note.write(customer=act.customer, text=act.said["text"], files=act.said["attached"], now=act.now, by=act.by)
    if kept is not None:
        act.back["note"] = kept.pk
        act.made.append(kept)


def _note_undone(undoing: Undoing) -> None:
    undoing.customer.notes.filter(pk=undoing.words["note"], by=undoing.by).delete()


def _statement(act: Done) -> None:
    wish = Order(
        key=f"desk:{act.said['token']}",
        creditor_id=act.customer.creditor_id,
        customer_id=act.customer.pk,
        currency=act.said["currency"],
        purpose="statement",
        medium=Medium.EMAIL,
        tone=Tone.NEUTRAL,
        as_of=act.as_of,
        about=[pk for pk, row in act.form.open.items() if row.currency == act.said["currency"]],
        capped=False,
    )
    order([wish], now=act.now)
    deed.ordered(act, wish.key)


def _taken_back(undoing: Undoing) -> None:
    take_back(key=undoing.words["key"], customer=undoing.customer)


ACTS: dict[str, Act] = {
    "call": Act(
        gettext_lazy("Call now"),
        gettext_lazy("Start the call"),
        gettext_lazy("The call is on."),
        "talk",
        forms.LiftForm,
        _call,
        "phone",
        "c",
        gettext_lazy("The script and the outcomes open; nothing more is sent until the outcome is noted."),
        group=Group.TALK,
        at_once=True,
        then=_the_call,
        near=True,
    ),
    "write": write.ACT,
    "note": Act(
        gettext_lazy("Write a note"),
        gettext_lazy("Keep the note"),
        gettext_lazy("The note is kept."),
        "note",
        chain_forms.NoteForm,
        _note,
        "notes",
        "n",
        group=Group.TALK,
        undo=_note_undone,
        near=True,
        short=gettext_lazy("Note"),
    ),
    "word": chain_forms.WORD,
    "statement": Act(
        gettext_lazy("Send a statement"),
        gettext_lazy("Send the statement"),
        gettext_lazy("The statement of account will leave with the next sending."),
        "write",
        forms.StatementForm,
        _statement,
        "send",
        "s",
        gettext_lazy(
            "A statement of account by e-mail, with a link to see and pay everything. "
            "It is no reminder and is not counted as one."
        ),
        group=Group.TALK,
        needs=with_open,
        undo=_taken_back,
    ),
    "copy": copies.ACT,
    "link": pay_link.ACT,
}
