"""A standing order ended at the desk, at the customer's wish; it is given on the portal, by the customer alone."""

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy

from amiable.payments import standing
from amiable.web.desk import forms
from amiable.web.desk.deed import Act, Done


def end(act: Done) -> None:
    order = get_object_or_404(standing.of(act.customer), pk=act.ref)
    standing.end(order=order, now=act.now, by=act.by, origin="desk")


ACT = Act(
    gettext_lazy("End the standing order"),
    gettext_lazy("End it"),
    gettext_lazy("What falls due from now on is paid by hand again."),
    "talk",
    forms.LiftForm,
    end,
    "hand-stop",
    explains=gettext_lazy("At the customer's wish: nothing more is debited on due dates."),
)
