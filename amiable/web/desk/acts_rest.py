"""What a colleague lets rest, and takes up again: holds, and invoices that leave the scenario for a while."""

from datetime import date

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy

from amiable.ledger import hold
from amiable.ledger.models import Hold, HoldKind
from amiable.scenario import leave
from amiable.web.desk import forms
from amiable.web.desk.deed import Act, Done, Group, Undoing, with_open

# Holds that a colleague may lift by hand; the others end with the promise, dispute, plan or payment that wrote them.
LIFTABLE = {
    HoldKind.PERSON,
    HoldKind.PAUSE,
    HoldKind.OUT,
    HoldKind.CLAIMED,
    HoldKind.VANISHED,
    HoldKind.INSOLVENCY,
    HoldKind.MORATORIUM,
    HoldKind.VULNERABLE,
}


def _hold(act: Done) -> None:
    placed = hold.place(
        kind=HoldKind.PERSON,
        source_ref=f"desk:{act.said['token']}",
        customer=act.customer,
        invoice=act.form.one(),
        since=act.as_of,
        until=act.said["until"],
        reason=act.said["reason"],
        by=act.by,
        now=act.now,
    )
    act.back["hold"] = placed.pk
    act.made.append(placed)


def _hold_undone(undoing: Undoing) -> None:
    row = get_object_or_404(undoing.customer.holds.filter(kind=HoldKind.PERSON), pk=undoing.words["hold"])
    hold.end(Hold.objects.filter(pk=row.pk), on=undoing.as_of)


def _lift(act: Done) -> None:
    row = get_object_or_404(act.customer.holds.filter(kind__in=LIFTABLE - {HoldKind.OUT}), pk=act.ref)
    ended = hold.same(row).values_list("pk", "until")
    act.back["holds"] = [[pk, until.isoformat() if until else None] for pk, until in ended]
    hold.lift(source_ref=row.source_ref, on=act.as_of, invoice=row.invoice)


def _lift_undone(undoing: Undoing) -> None:
    """Those that ended by it go on as long as they would have."""
    for pk, until in undoing.words["holds"]:
        row = get_object_or_404(undoing.customer.holds, pk=pk)
        hold.prolong(hold=row, until=date.fromisoformat(until) if until else None)


def _out(act: Done) -> None:
    holds = leave.take_out(
        customer=act.customer,
        invoices=[act.form.open[int(pk)] for pk in act.said["invoices"]],
        action=act.said["action"],
        until=act.said["until"],
        key=act.said["token"],
        responsible=act.said["responsible"],
        as_of=act.as_of,
        now=act.now,
        by=act.by,
    )
    act.back["holds"] = [row.pk for row in holds]
    act.made.extend(holds)


def _out_undone(undoing: Undoing) -> None:
    rows = undoing.customer.holds.filter(kind=HoldKind.OUT, pk__in=undoing.words["holds"])
    leave.give_back(holds=rows, as_of=undoing.as_of, now=undoing.now, by=undoing.by)


def _back(act: Done) -> None:
    """The invoice returns, and with it the others of the same action where that is wished."""
    row = get_object_or_404(act.customer.holds.filter(kind=HoldKind.OUT), pk=act.ref)
    same = act.customer.holds.filter(kind=HoldKind.OUT, source_ref=row.source_ref)
    leave.give_back(holds=same if act.said["which"] == "all" else [row], as_of=act.as_of, now=act.now, by=act.by)


ACTS: dict[str, Act] = {
    "hold": Act(
        gettext_lazy("Place a hold"),
        gettext_lazy("Place the hold"),
        gettext_lazy("The hold is placed."),
        "hold",
        forms.HoldForm,
        _hold,
        "hand-stop",
        "h",
        gettext_lazy("Nothing is sent and no step is taken while the hold lasts."),
        group=Group.REST,
        undo=_hold_undone,
        near=True,
        short=gettext_lazy("Hold"),
    ),
    "out": Act(
        gettext_lazy("Take out of the scenario"),
        gettext_lazy("Take them out"),
        gettext_lazy("The invoices have left the scenario; the task lies on the desk."),
        "hold",
        forms.OutForm,
        _out,
        "door-exit",
        "o",
        gettext_lazy(
            "No step is taken for these invoices until that day, while somebody acts. Then they go on where they stood; "
            "they can be returned at any time before."
        ),
        group=Group.REST,
        needs=with_open,
        undo=_out_undone,
    ),
    "lift": Act(
        gettext_lazy("Lift the hold"),
        gettext_lazy("Lift it"),
        gettext_lazy("The hold is lifted from today."),
        "hold",
        forms.LiftForm,
        _lift,
        "player-play",
        explains=gettext_lazy("From today on the steps of the scenario apply again."),
        undo=_lift_undone,
    ),
    "back": Act(
        gettext_lazy("Return to the scenario"),
        gettext_lazy("Return it"),
        gettext_lazy("Back in the scenario from today."),
        "hold",
        forms.BackForm,
        _back,
        "arrow-back-up",
        explains=gettext_lazy("The invoice goes on where it stood: the step that was next is next."),
    ),
}
