"""The search box over a full house, each kind of word that people type, beside plain reads of a customer by primary key.

Fills an empty database with customers who have names of their own, asks as a colleague of that creditor would (each asking is
all that the box does, the reading of what it shows included), and measures what the indexes of search cost an import.
"""

import random
import resource
import statistics
from typing import Any

from amiable.core.models import Role, Scope, User
from amiable.ledger.models import ContactPoint, Creditor, Customer, Invoice
from amiable.web.desk import search
from bench import day

_KINDS = "Garage,Boulangerie,SARL,Menuiserie,Transports,Pharmacie,Société,Établissements,Café,Imprimerie,Électricité,SCI,Mme,M."
_FIRST = "Anne,Benoît,Chloé,Denis,Élodie,François,Gaëlle,Hugues,Inès,Jérôme,Karine,Loïc,Maëlle,Noël,Océane,Paul"
_HEADS = "Du,Mar,Ber,Le,Gi,Fau,Mou,Che,Ba,Pé,Ro,Cor,Val,Del,Bou,Ger,La,Mor,Ché,Tri,Sau,Per,Ga,Hé"
_HEARTS = "pon,ti,na,fè,rau,cha,lle,va,que,ssa,bri,co,ro,mi,dé,lan,gue,so,che,ni,vi,ra,pui,zé"
_TAILS = "t,n,rd,re,c,x,ud,lle,au,ette,ier,in"
# A name of its own for the nth customer: the four parts go through all their combinations.
NAME = " || ".join(
    f"(string_to_array('{parts}', ','))[1 + n / {every} %% {len(parts.split(','))}]" + (" || ' '" if last else "")
    for parts, every, last in (
        (_KINDS, 110_592, 1),
        (_FIRST, 6_912, 1),
        (_HEADS, 1, 0),
        (_HEARTS, 24, 0),
        (_TAILS, 576, 0),
    )
)
_NEW = """INSERT INTO ledger_invoice (creditor_id, customer_id, source, external_id, reference, kind, account, order_reference,
    issued_on, due_on, currency, amount_minor, open_minor, known_at)
  SELECT creditor_id, customer_id, %(source)s, id, 'N-2026-' || id, kind, account, '', issued_on, due_on, currency,
    amount_minor, amount_minor, known_at FROM ledger_invoice WHERE source = 'bench' ORDER BY id LIMIT %(rows)s"""
_OF_SEARCH = ("invoice_reference_end", "invoice_open_amount", "invoice_partly_open")


def run(*, customers: int, invoices: int, askings: int = 40) -> dict[str, Any]:
    """Milliseconds per kind of word (median and 95 of 100), of plain reads, their ratio, and the cost of an import."""
    day.fill({"customers": customers, "invoices": invoices, "as_of": day.AS_OF, "now": day.NOW}, name=NAME)
    day.execute("UPDATE ledger_customer SET siren = lpad((id * 7919 %% 999999937)::text, 9, '0') WHERE id %% 4 = 0", {})
    day.execute(
        "INSERT INTO ledger_contactpoint (contact_id, medium, value, failure)"
        " SELECT id, 'call', '+336' || lpad((id * 7919 %% 99999989)::text, 8, '0'), '' FROM ledger_contact WHERE id %% 2 = 0", {}
    )  # fmt: skip
    day.execute("VACUUM ANALYZE ledger_customer, ledger_contact, ledger_contactpoint, ledger_invoice", {})
    return measure(askings=askings) | {"import": _import(rows=max(invoices // 20, 1))}


def measure(*, askings: int) -> dict[str, Any]:
    """Asks; needs a filled database."""
    colleague, _new = User.objects.get_or_create(username="bench-search")
    Scope.objects.get_or_create(user=colleague, role=Role.COLLECTOR, creditor_ref=Creditor.objects.get().pk)
    words, pks = _words(askings)
    taken: dict[str, list[float]] = {kind: [] for kind in words}
    plain: list[float] = []
    for turn in range(askings):
        for kind, asked in words.items():
            asker = User.objects.get(pk=colleague.pk)  # as each request reads its own
            taken[kind].append(_ms(lambda: search.look(asker, asked[turn])))  # noqa: B023
            plain.append(_ms(lambda: Customer.objects.get(pk=pks[turn])))  # noqa: B023
    base = statistics.median(plain)
    every = [ms for each in taken.values() for ms in each]
    return {
        "p50_ms": round(statistics.median(every), 2), "p95_ms": _p95(every),
        "reference": "one customer by primary key", "reference_ms": round(base, 3),
        "ratio": round(statistics.median(every) / base, 1), "customers": Customer.objects.count(),
        "invoices": Invoice.objects.count(),
        "words": [
            {"kind": kind, "p50_ms": round(statistics.median(each), 2), "p95_ms": _p95(each),
             "ratio": round(statistics.median(each) / base, 1)} for kind, each in taken.items()
        ],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def _words(askings: int) -> tuple[dict[str, list[str]], list[int]]:
    """What people type of rows that are there, the same in each run; and the customers."""
    chance = random.Random(7)
    top = Customer.objects.order_by("-pk").values_list("pk", flat=True)[0]
    count = Customer.objects.count()
    pks = [top - chance.randrange(count) // 4 * 4 for _each in range(askings)]
    people = list(Customer.objects.filter(pk__in=pks).order_by("pk"))
    while len(people) < askings:
        people += people[: askings - len(people)]
    last = [each.name.split()[-1] for each in people]
    bills = [Invoice.objects.filter(customer=each).first() or Invoice.objects.all()[0] for each in people]
    phones = [point.value for point in ContactPoint.objects.filter(medium="call").order_by("pk")[:askings]]
    spaced = [f"0{p[3]} {p[4:6]} {p[6:8]} {p[8:10]} {p[10:]}" for p in (phones or ["+33612345678"]) * askings]
    return {
        "name": [each.name for each in people],
        "surname": last,
        "start of a name": [each.name[:4] for each in people],
        "kind of firm": [each.name.split()[0] for each in people],
        "two words": [f"{each.name.split()[0]} {each.name.split()[-1]}" for each in people],
        "typing error": [_misspelt(name, chance) for name in last],
        "nobody": [f"zq{chance.randrange(10**6)}xw" for _each in people],
        "number": [each.number for each in people],
        "part of a number": [each.number[1:4] for each in people],
        "siren": [each.siren or "123456789" for each in people],
        "e-mail": [f"c{each.pk}@example.org" for each in people],
        "domain": ["@example.org"] * askings,
        "phone": spaced[:askings],
        "invoice": [bill.reference for bill in bills],
        "end of an invoice": [bill.reference[-5:] for bill in bills],
        "amount": [f"{bill.open_minor // 100:,}".replace(",", " ") + f",{bill.open_minor % 100:02d}" for bill in bills],
        "end of an IBAN": [f"{chance.randrange(10**5):05d}" for _each in people],
    }, [each.pk for each in people]  # fmt: skip


def _misspelt(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, max(len(word) - 2, 2))
    return word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :]


def _ms(act: Any) -> float:
    return day.timed(act) * 1000


def _p95(each: list[float]) -> float:
    return round(sorted(each)[int(len(each) * 0.95)], 2)


def _import(rows: int) -> dict[str, Any]:
    """Bare inserts of invoices with the indexes that search alone needs, and without them."""
    taken = {}
    for source in ("with", "without"):
        if source == "without":
            day.execute("".join(f"DROP INDEX {name};" for name in _OF_SEARCH), {})
        taken[source] = day.timed(lambda: day.execute(_NEW, {"source": source, "rows": rows}))  # noqa: B023
    return {
        "rows": rows, "seconds": round(taken["with"], 2), "seconds_without_search": round(taken["without"], 2),
        "ratio": round(taken["with"] / taken["without"], 2),
    }  # fmt: skip
