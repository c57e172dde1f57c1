"""Why a task stands where it stands, in words: who waits, and what a minute of work may bring."""

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from amiable.casework.models import TaskKind
from amiable.portfolio.worth import AGREED, ASKED, BROKEN, CLAIMED, DEADLINE
from amiable.web.desk.worklist import Row
from amiable.web.templatetags.amiable_ui import moment, whole


def urgency(row: Row) -> str:
    """Who waits, and since when; empty where nobody does."""
    task = row.task
    if task.rank == AGREED and task.not_before:
        return _("Agreed for %(time)s") % {"time": f"{timezone.localtime(task.not_before):%H:%M}"}
    if task.rank == ASKED:
        since = {"time": moment(task.created_at)}
        if task.kind == TaskKind.REPLY:
            return _("Waits for an answer since %(time)s") % since
        return _("Has asked for a call, %(time)s") % since
    if task.rank == BROKEN:
        return _("Did not keep to what was agreed")
    if task.rank == DEADLINE:
        return _("Waits for our word") if task.context.get("dispute") else _("The deadline has come")
    return _("Nothing is chased until this is checked") if task.rank == CLAIMED else ""


def reasons(row: Row) -> list[str]:
    """What makes the act more or less promising for this customer, the clearest first."""
    facts, said = row.facts, []
    if facts.days_late > 0:
        late = {"days": whole(facts.days_late)}
        if facts.habit is None:
            said.append(_("%(days)s d late") % late)
        elif facts.days_late <= facts.habit:
            said.append(_("%(days)s d late, usually %(habit)s: may pay alone") % (late | {"habit": whole(facts.habit)}))
        else:
            said.append(_("%(days)s d late, usually %(habit)s") % (late | {"habit": whole(max(facts.habit, 0))}))
    if row.task.kind == TaskKind.CALL:
        said += _by_phone(row)
    return said


def _by_phone(row: Row) -> list[str]:
    facts, said = row.facts, []
    if facts.answered:
        said.append(ngettext("answered a call", "answered %(n)s calls", facts.answered) % {"n": facts.answered})
    elif facts.calls:
        said.append(ngettext("not reached by a call", "not reached by %(n)s calls", facts.calls) % {"n": facts.calls})
    if facts.kept or facts.broken:
        promises = {"kept": facts.kept, "all": facts.kept + facts.broken}
        said.append(_("kept %(kept)s of %(all)s promises") % promises)
    return said
