"""What came of the demo, per creditor: counted from the rows of the house, and set beside what no contact would have brought."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.utils.translation import gettext as _
from rich.table import Table

from amiable.core.money import shown
from amiable.demo.stage import Stage
from amiable.insight.kpi import declared
from amiable.insight.measure import figures

COUNTS = """
SELECT
  (SELECT count(*) FROM ledger_customer WHERE creditor_id = %(creditor)s),
  (SELECT count(*) FROM ledger_invoice WHERE creditor_id = %(creditor)s),
  (SELECT count(*) FROM scenario_decision WHERE creditor_id = %(creditor)s AND verdict <> 'not'),
  (SELECT count(*) FROM outreach_message WHERE creditor_id = %(creditor)s AND state = 'sent'),
  (SELECT count(DISTINCT customer_id) FROM (
     SELECT customer_id FROM outreach_message WHERE creditor_id = %(creditor)s AND state = 'sent' AND capped
     UNION SELECT customer_id FROM casework_task WHERE creditor_id = %(creditor)s AND kind = 'call'
       AND done_by_id IS NOT NULL) contacted),
  (SELECT count(*) FROM payments_attempt WHERE creditor_id = %(creditor)s AND started_at IS NOT NULL),
  (SELECT count(*) FROM payments_attempt WHERE creditor_id = %(creditor)s AND started_at IS NOT NULL
     AND state IN ('failed', 'abandoned')),
  (SELECT count(*) FROM payments_attempt WHERE creditor_id = %(creditor)s AND input_errors > 0),
  (SELECT count(*) FROM outreach_optout o JOIN ledger_customer c ON c.id = o.customer_id WHERE c.creditor_id = %(creditor)s),
  (SELECT count(*) FROM casework_dispute d JOIN ledger_customer c ON c.id = d.customer_id WHERE c.creditor_id = %(creditor)s),
  (SELECT count(*) FROM payments_promise p JOIN ledger_customer c ON c.id = p.customer_id
     WHERE c.creditor_id = %(creditor)s AND p.state = 'kept'),
  (SELECT count(*) FROM payments_promise p JOIN ledger_customer c ON c.id = p.customer_id
     WHERE c.creditor_id = %(creditor)s AND p.state IN ('partly', 'broken'))"""
NAMES = (
    "customers", "invoices", "decided", "sent", "contacted", "transactions", "transactions_not_completed",
    "transactions_input_error", "opt_outs", "disputes", "promises_kept", "promises_broken",
)  # fmt: skip

# Each payment once: what a provider told first stands behind the accounts' word for it.
PAID = """
SELECT coalesce(a.journey, 'bank'), sum(c.amount_minor)::bigint
FROM ledger_credit c
LEFT JOIN ledger_credit p ON p.confirmed_by_id = c.id
LEFT JOIN payments_attempt a ON a.credit_id IN (c.id, p.id)
WHERE c.creditor_id = %(creditor)s AND c.kind = 'payment' AND c.confirmed_by_id IS NULL
  AND c.received_on BETWEEN %(start)s AND %(end)s
GROUP BY 1"""

# What was overdue on each invoice when its case opened, as it was known at that hour.
AT_OPENING = """
SELECT i.id, sum(e.amount_minor)::bigint
FROM casework_case k
JOIN ledger_invoice i ON i.customer_id = k.customer_id AND i.currency = k.currency AND i.due_on < k.opened_on
JOIN ledger_entry e ON e.invoice_id = i.id AND e.effective_on <= k.opened_on
  AND e.known_at <= (k.opened_on + time '08:30') AT TIME ZONE 'Europe/Paris'
WHERE k.creditor_id = %(creditor)s AND k.opened_on BETWEEN %(since)s AND %(whole)s
GROUP BY k.id, i.id HAVING sum(e.amount_minor) > 0"""


def result(each: Mapping[str, dict[str, Any]], *, days: int, seed: int, seconds: float) -> dict[str, Any]:
    """Everything that the table shows, and the totals of the last line, from what came of each creditor."""
    acts: Counter[str] = Counter()
    for one in each.values():
        acts.update(one["acts"])
    numerator = sum(one["recovered_minor"] for one in each.values())
    denominator = sum(one["due_minor"] for one in each.values())
    alone = sum(one["alone_minor"] for one in each.values())
    return {
        "decided": sum(one["decided"] for one in each.values()),
        "sent": sum(one["sent"] for one in each.values()),
        "paid_minor": sum(one["paid_minor"] for one in each.values()),
        "recovery_rate": round(numerator / denominator, 4) if denominator else None,
        "self_cure_rate": round(alone / denominator, 4) if denominator else None,
        "seconds": round(seconds, 1),
        "days": days,
        "seed": seed,
        "creditors": {key: {name: one[name] for name in one if name != "acts"} for key, one in each.items()},
        "acts": dict(sorted(acts.items())),
    }


def creditor(stage: Stage) -> dict[str, Any]:
    """What came of one creditor's replay, and in `acts` how often its customers and colleagues did what."""
    owner, last, whole = stage.creditor, stage.world.on(stage.world.days - 1), stage.world.on(stage.whole)
    # Beside the rate stands what the same cases would have paid alone by the same day: those of its own window, and no others.
    since = whole - timedelta(days=declared()["recovery_rate"].days - 1)
    values: dict[str, Any] = {
        "creditor": owner.pk, "start": stage.world.start, "since": since, "whole": whole, "end": last,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, values)
        counts = dict(zip(NAMES, cursor.fetchone(), strict=True))
        cursor.execute(PAID, values)
        paid = dict(cursor.fetchall())
        cursor.execute(AT_OPENING, values)
        alone = _alone(stage, cursor.fetchall())
    read = figures(creditor=owner, as_of=last, days=stage.world.days + 1)
    recovery, dso = read["recovery_rate"], read["dso"]
    return {
        **counts,
        "name": owner.name,
        "paid_by": dict(sorted(paid.items())),
        "paid_minor": sum(paid.values()),
        "recovered_minor": recovery.numerator or 0,
        "due_minor": recovery.denominator or 0,
        "recovery_rate": recovery.value,
        "alone_minor": alone,
        "self_cure_rate": alone / recovery.denominator if recovery.denominator else None,
        "dso_start": dso.history[0][1] if dso.history else None,
        "dso_end": dso.value,
        "overdue_minor": read["amount_overdue"].numerator or 0,
        "alone_overdue_minor": _alone_overdue(stage),
        "acts": dict(stage.counts),
    }


def _alone(stage: Stage, rows: list[tuple[int, int]]) -> int:
    """Of what was overdue at the opening of the cases, what the same people would have paid without any contact."""
    left = stage.alone_received.copy()
    found = 0
    for pk, due in rows:
        row = stage.invoice_rows.get(pk)
        if row is not None and row not in stage.forgiven:
            # What the same person paid before the opening, with contacts, is not part of what was due.
            before = int(stage.crowd.amount[row]) - due - int(stage.paid_before[row])
            part = min(due, max(0, int(left[row]) - max(0, before)))
            found += part
    return found


def _alone_overdue(stage: Stage) -> int:
    """What would be overdue on the day of the figures, had nobody been contacted."""
    crowd, last = stage.alone, stage.whole
    asked_for = np.ones(crowd.amount.size, dtype=bool)
    asked_for[list(stage.forgiven)] = False
    due = asked_for & (crowd.due < last) & (crowd.issued <= last)
    return int((crowd.amount - stage.paid_before - stage.alone_received)[due].sum())


def table(result: Mapping[str, Any]) -> Table:
    """The figures side by side."""
    columns = list(result["creditors"].values())
    days = timedelta(days=result["days"]).days
    made = Table(title=_("%(days)d days, simulated") % {"days": days}, title_justify="left")
    made.add_column("")
    for one in columns:
        made.add_column(one["name"], justify="right")
    for label, name in (
        (_("Customers"), "customers"),
        (_("Invoices"), "invoices"),
        (_("Steps decided"), "decided"),
        (_("Messages sent"), "sent"),
        (_("Customers contacted"), "contacted"),
    ):
        made.add_row(label, *(f"{one[name]:,}".replace(",", " ") for one in columns))
    made.add_section()
    made.add_row(_("Money received"), *(shown(one["paid_minor"], "EUR") for one in columns))
    for journey, label in _journeys():
        if any(one["paid_by"].get(journey) for one in columns):
            made.add_row(f"  {label}", *(shown(one["paid_by"].get(journey, 0), "EUR") for one in columns))
    made.add_row(_("Recovery rate"), *(_share(one["recovery_rate"]) for one in columns))
    made.add_row(_("The same without any contact (simulated)"), *(_share(one["self_cure_rate"]) for one in columns))
    made.add_row(_("Overdue on the last day"), *(shown(one["overdue_minor"], "EUR") for one in columns))
    made.add_row(
        _("The same without any contact (simulated)"), *(shown(one["alone_overdue_minor"], "EUR") for one in columns)
    )
    made.add_row(
        _("DSO, first day → last day"), *(f"{_days(one['dso_start'])} → {_days(one['dso_end'])}" for one in columns)
    )
    made.add_section()
    for label, name in (
        (_("Transactions started"), "transactions"),
        (_("Transactions not completed"), "transactions_not_completed"),
        (_("Transactions with an input error"), "transactions_input_error"),
        (_("Opt-outs"), "opt_outs"),
        (_("Disputes opened"), "disputes"),
    ):
        made.add_row(label, *(str(one[name]) for one in columns))
    made.add_row(
        _("Promises kept / broken"), *(f"{one['promises_kept']} / {one['promises_broken']}" for one in columns)
    )
    return made


def _journeys() -> list[tuple[str, str]]:
    return [
        ("bank", _("by transfer or cheque")),
        ("email_link", _("by the link in an e-mail")),
        ("sms_link", _("by the link in an SMS")),
        ("letter_link", _("by the link in a letter")),
        ("portal", _("on the portal")),
        ("agent", _("with a colleague on the telephone")),
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}".replace(".", ",").replace("%", " %")


def _days(value: float | None) -> str:
    return "–" if value is None else _("%(days).0f days") % {"days": value}
