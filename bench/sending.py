"""The desk's page of messages that wait, however many there are: first page, deep page, filtered, released.

Fills an empty database with so many waiting messages and asks for each page as a colleague's browser does. The reference
is the same page over a thousand messages.
"""

import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.test.utils import setup_test_environment
from django.urls import reverse

from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.outreach import release
from amiable.outreach.models import Message
from bench import day

FEW, TIMES = 1_000, 5
_PLANNED = """
INSERT INTO outreach_message (key, creditor_id, customer_id, currency, purpose, medium, address, language, tone, as_of, step,
  capped, about, also, level, also_levels, context, fallback, state, verdict, subject, text, html, created_at)
SELECT 'bench:' || n, u.creditor_id, u.id, 'EUR', CASE WHEN n %% 1000 = 0 THEN 'formal_notice' ELSE 'reminder_1' END,
  CASE WHEN n %% 10 = 0 THEN 'sms' ELSE 'email' END, 'c' || u.id || '@example.org', 'fr', 'warm', %(as_of)s, '', true,
  ARRAY[i.id], '{}', 20, '{}', '{}', '{}', 'waiting', '', '', '', '', %(now)s
FROM generate_series(1, %(messages)s) n
JOIN (SELECT id, creditor_id, row_number() OVER (ORDER BY id) AS place FROM ledger_customer) u
  ON u.place = 1 + n %% %(customers)s
JOIN (SELECT customer_id, min(id) AS id FROM ledger_invoice GROUP BY 1) i ON i.customer_id = u.id
"""


def run(*, messages: int) -> dict[str, Any]:
    """Milliseconds of each page and act (medians; the acts once each time), and the worst beside few messages."""
    values = {"customers": 20_000, "invoices": 80_000, "as_of": day.AS_OF, "now": day.NOW, "messages": messages}
    day.fill(values)
    setup_test_environment()
    client = Client()
    user, _new = User.objects.get_or_create(username="bench", defaults={"is_superuser": True})
    client.force_login(user)
    creditor = Creditor.objects.get(key="bench")
    release.choose(creditor=creditor, hand=True, now=day.NOW, by=user)
    few = _asked(client, creditor, values | {"messages": min(FEW, messages)})
    many = _asked(client, creditor, values)
    worst = max(many, key=lambda name: many[name])
    return {
        "messages": messages, "milliseconds": many, "worst": worst, "reference": f"the same pages over {FEW} messages",
        "reference_milliseconds": few, "ratio": round(many[worst] / few[worst], 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def _asked(client: Client, creditor: Creditor, values: dict[str, Any]) -> dict[str, float]:
    day.empty("outreach_message")
    day.execute(_PLANNED, values)
    day.execute("VACUUM ANALYZE outreach_message", {})
    address = reverse("desk:sending")
    deep = Message.objects.order_by("-pk")[0].pk - 40

    def listed(**asked: Any) -> Callable[[], HttpResponse]:
        return lambda: client.get(address, {"creditor": creditor.pk, "state": "waiting", **asked})

    def released() -> HttpResponse:
        page = client.get(address, {"creditor": creditor.pk})
        chosen = [each["row"].pk for each in page.context["rows"]]
        return client.post(reverse("desk:sending_act", args=[creditor.pk, "let_go"]), {"message": chosen}, follow=True)

    def all_released() -> HttpResponse:
        return client.post(
            reverse("desk:sending_act", args=[creditor.pk, "all"]), {"purpose": "reminder_1"}, follow=True
        )

    return {
        "first_page": _median(listed()), "last_page": _median(listed(after=deep)),
        "one_in_ten": _median(listed(medium="sms")), "one_in_a_thousand": _median(listed(purpose="formal_notice")),
        "nothing_found": _median(listed(purpose="statement")), "list_and_release_50": _median(released),
        "release_all_of_a_text": _median(all_released),
    }  # fmt: skip


def _median(ask: Callable[[], HttpResponse]) -> float:
    taken = []
    for _n in range(TIMES):
        began = time.perf_counter()
        answer = ask()
        taken.append(time.perf_counter() - began)
        if answer.status_code != 200:
            raise RuntimeError(f"The page answered {answer.status_code}.")
    return round(statistics.median(taken) * 1_000, 1)
