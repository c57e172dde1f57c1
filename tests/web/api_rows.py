"""What the tests of the API stand on: a house with a row of everything, its manager, and tokens."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.test import Client

from amiable.casework.models import HandOver, NoteFile, Notification, Placement, Responsibility, View, Word
from amiable.core import people
from amiable.core.models import Run, User
from amiable.insight.models import Figure
from amiable.ledger.keep import keep
from amiable.ledger.models import Allocation, Branch, Consent, Creditor, Customer, Document, Preference, Sale, Waiver
from amiable.outreach.models import OptOut, Template
from amiable.payments.models import Mandate, Promise, StandingOrder
from amiable.portfolio import segments
from amiable.portfolio.models import Score, SegmentSet
from amiable.scenario import shelf
from amiable.scenario.models import Decision
from amiable.web.api import token as tokens
from amiable.web.ui import clock
from tests.web import desk_rows as rows
from tests.world import survey_answer

FACTOR = {"name": "Eurofactor", "iban": "DE89370400440532013000", "bic": "COBADEFFXXX"}


@dataclass(frozen=True)
class House:
    """`rows` names one row of each resource, by the first word of its address; `bodies` what each operation is told."""

    creditor: Creditor
    customer: Customer
    manager: User
    rows: dict[str, int]
    bodies: dict[str, Any]


def house(key: str = "ours", name: str = "Anna") -> House:
    """A creditor with one customer who has one row of everything."""
    shelf.stock(now=clock.now())
    creditor = rows.creditor(key, policy={"factor": FACTOR})
    customer = rows.full(creditor, name)
    manager = rows.colleague(f"manager-{key}", creditor)
    User.objects.filter(pk=manager.pk).update(email=f"manager@{key}.example")
    manager.refresh_from_db(fields=["email"])
    found = _rows(creditor, customer, manager)
    rows.counted(customer)
    found["profiles"], found["memberships"] = customer.profiles.get().pk, customer.memberships.first().pk  # type: ignore[union-attr]
    return House(creditor, customer, manager, found, _bodies(creditor, customer, found))


def _rows(creditor: Creditor, customer: Customer, manager: User) -> dict[str, int]:
    bill, now, today = customer.invoices.get(), clock.now(), clock.today()
    paid = rows.credit(customer, 5_000, days_ago=3)
    spread = Allocation.objects.create(
        credit=paid, invoice=bill, amount_minor=1_000, effective_on=today, known_at=now, rule="person"
    )
    plan, case, batch = rows.plan(customer), rows.case(customer), rows.batch(customer)
    money, returned, wrong = rows.suspense(creditor), rows.returned(creditor), rows.quarantined(creditor)
    campaign, call, experiment = rows.campaign(customer), rows.on_the_phone(customer), rows.experiment(creditor)
    scenario = shelf.save(data=shelf.shipped()[0], creditor=creditor, now=now, by=manager)
    mandate = Mandate.objects.create(customer=customer, provider="dummy", token=f"m{customer.pk}", asked_at=now)
    reply = customer.replies.get()
    reply.files = [{"name": "b.txt", "media_type": "text/plain", "size": 5, "sha256": keep(b"words")}]
    reply.save(update_fields=["files"])
    made: dict[str, Any] = {
        "creditors": creditor, "branches": Branch.objects.create(creditor=creditor, code="L", name=f"Lyon of {creditor.name}"),
        "runs": Run.objects.create(step="decide", creditor_ref=creditor.pk, as_of=today, started_at=now),
        "figures": Figure.objects.create(creditor=creditor, kpi="dso", as_of=today, measured_at=now),
        "customers": customer, "contacts": customer.contacts.first(), "invoices": bill, "credits": paid, "allocations": spread,
        "scores": Score.objects.create(customer=customer, currency="EUR", key="x", model_version="1", as_of=today, value=0.5),
        "survey-answers": survey_answer(customer, 8, now=now),
        "entries": bill.entries.first(), "holds": customer.holds.get(), "disputes": customer.disputes.get(), "plans": plan,
        "waivers": Waiver.objects.create(creditor=creditor, customer=customer, source_ref="x", reason="asked", created_at=now),
        "sales": Sale.objects.create(customer=customer, invoice=bill, since=today, until=today, by=manager, created_at=now),
        "placements": Placement.objects.create(
            case=case, agency="Elsewhere", placed_at=now, placed_by=manager, recalled_at=now, outcome="withdrawn"
        ),
        "attempts": call, "chains": call.chain, "notes": customer.notes.get(), "cases": case, "tasks": customer.tasks.get(),
        "standing-orders": StandingOrder.objects.create(customer=customer, currency="EUR", mandate=mandate, given_at=now),
        "promises": Promise.objects.create(
            customer=customer, currency="EUR", amount_minor=100, promised_for=today, taken_at=now, origin="call"
        ),
        "messages": customer.messages.get(), "replies": customer.replies.get(), "letter-batches": batch,
        "opt-outs": OptOut.objects.create(customer=customer, medium="sms", since=now, origin="portal"),
        "imports": wrong.loaded_by, "quarantine": wrong, "bank-statements": returned.statement, "bank-lines": returned,
        "matches": money, "suspense": money.credit, "campaigns": campaign, "scenarios": scenario, "experiments": experiment,
        "segment-sets": SegmentSet.objects.create(creditor=creditor, version=1, segments=list(segments.starter())),
        "campaign-recipients": campaign.recipients.get(),
        "decisions": Decision.objects.create(
            creditor=creditor, customer=customer, currency="EUR", as_of=today, scenario=scenario, step="reminder_1", level=20,
            verdict="not", reason=f"of {creditor.name}",
        ),
        "users": manager, "scopes": manager.scopes.get(), **_house_rows(creditor, customer, manager),
        "notifications": Notification.objects.create(user=manager, customer=customer, text="news", key="x", created_at=now),
    }  # fmt: skip
    return {name: row.pk for name, row in made.items()}


def _house_rows(creditor: Creditor, customer: Customer, manager: User) -> dict[str, Any]:
    """What is set up at a house, and what is its people's own."""
    now, today = clock.now(), clock.today()
    contact, bill = customer.contacts.get(), customer.invoices.get()
    other = rows.colleague(f"stands-in-{creditor.key}", creditor)
    words = {"creditor": creditor, "key": "reminder_1", "medium": "email", "language": "fr", "audience": "business"}
    return {
        "consents": Consent.objects.create(contact=contact, medium="email", given=True, at=now, origin="portal"),
        "preferences": Preference.objects.create(contact=contact, at=now, origin="portal"),
        "words": Word.objects.create(
            creditor=creditor, customer=customer, user=manager, key=f"w{customer.pk}", asked_at=now,
            expires_at=now + timedelta(days=9),
        ),
        "invoice-copies": Document.objects.create(
            creditor=creditor, invoice=bill, name="copy.pdf", size=9, known_at=now,
            sha256=keep(b"%PDF-1.4 of " + creditor.key.encode()),
        ),
        "note-files": NoteFile.objects.create(note=customer.notes.get(), name="a.txt", sha256=keep(b"words"), size=5),
        "responsibilities": Responsibility.objects.create(
            creditor=creditor, role="collector", user=manager, since=today, created_at=now
        ),
        "hand-overs": HandOver.objects.create(
            creditor=creditor, absent=manager, stand_in=other, since=today, created_at=now, why=f"of {creditor.name}"
        ),
        "reports": rows.report(creditor),
        "texts": Template.objects.create(**words, tone="warm", body="Bonjour", written_at=now, written_by=other),
        "invitations": people.invite(
            email=f"new@{creditor.key}.example", language="fr", scope={"role": "sales", "creditor_ref": creditor.pk},
            by=manager, now=now,
        ),
        "views": View.objects.create(
            owner=manager, room="customers", name=f"Late of {creditor.name}", query="overdue=1", made_at=now
        ),
    }  # fmt: skip


def _bodies(creditor: Creditor, customer: Customer, at: dict[str, int]) -> dict[str, Any]:
    """What each operation is told where it is told something; an operation that is not here needs nothing."""
    about, bill, soon = {"customer": customer.pk}, at["invoices"], (clock.today() + timedelta(days=9)).isoformat()
    part = about | {"invoice": bill, "amount_minor": 100, "reason": "agreed"}
    plan = about | {"invoices": [bill], "currency": "EUR", "first_on": soon}
    written = {"creditor": creditor.pk, "data": dict(shelf.shipped()[0])}
    sent = {
        "name": "Spring", "currency": "EUR", "template": "reminder_1", "tone": "warm", "channel": "email",
        "starts_on": soon, "ends_on": soon,
    }  # fmt: skip
    return {
        "stop_creditor": {"why": "a doubt"}, "choose_by_hand": {"hand": True},
        "let_go": {"messages": [at["messages"]], "leave": True}, "write_off": part, "add_charge": part,
        "waive": about | {"reason": "asked"}, "sell_to_factor": about | {"invoices": [bill]}, "buy_back_from_factor": {},
        "hand_over_to_agency": about | {"agency": "Recouvra"}, "take_back_from_agency": {"outcome": "withdrawn"},
        "merge_customers": {"absorb": customer.pk, "meant": True},
        "preview_segments": {"creditor": creditor.pk, "segments": [{"key": "all", "label": {"fr": "Tous", "en": "All"}}]},
        "give_pay_link": about | {"invoices": [bill], "currency": "EUR"},
        "take_payment": about | {"invoices": [bill], "currency": "EUR"},
        "refund": about | {"attempt": at["attempts"], "amount_minor": 100}, "write_note": about | {"text": "They rang."},
        "take_promise": about | {"amount_minor": 100, "currency": "EUR", "promised_for": soon},
        "open_dispute": about | {"invoice": bill, "reason": "quality"}, "claim_paid": about,
        "resolve_dispute": {"resolution": "refused"}, "place_hold": about | {"reason": "asked for time", "until": soon},
        "take_out": about | {"invoices": [bill], "action": "a visit", "until": soon}, "give_back": {},
        "note_wishes": {"reached": ["email"], "language": "fr"}, "finish_task": {"outcome": "voicemail"}, "offer_plan": plan,
        "look_for_plans": plan, "withdraw_plan": {}, "agree_plan": {"name": "Anna"},
        "make_letter_batch": {"creditor": creditor.pk},
        "send_statement": about | {"currency": "EUR"}, "settle_message": {"left": True}, "claim_reply": about,
        "confirm_reply": {"intent": "other"}, "return_letter": {"creditor": creditor.pk, "code": "x"},
        "retry_row": {"values": {}},
        "answer_missing_invoices": {"invoices": [bill], "answer": "settled"}, "find_return": {"credit": at["credits"]},
        "confirm_match": {"match": at["matches"]}, "give_money": about, "set_money_aside": {"kind": "fee"},
        "draft_segments": {
            "creditor": creditor.pk, "after": 1, "segments": [{"key": "all", "label": {"fr": "Tous", "en": "All"}}],
        },
        "draft_campaign": sent | {"creditor": creditor.pk}, "revise_campaign": sent, "draft_scenario": written,
        "examine_scenario": written, "revise_scenario": {"data": written["data"]}, "migrate_cases": {"to": at["scenarios"]},
        "change_experiment": {"holdout_share": 0.2}, "stop_experiment": {},
        **_set_up(creditor, customer, at),
        "start_experiment": {"creditor": creditor.pk, "champion": at["scenarios"], "name": "Warm", "holdout_share": 0.1},
    }  # fmt: skip


def _set_up(creditor: Creditor, customer: Customer, at: dict[str, int]) -> dict[str, Any]:
    """What is told to operations about people, addresses and how a house works."""
    about, bill, soon = {"customer": customer.pk}, at["invoices"], (clock.today() + timedelta(days=9)).isoformat()
    place = {
        "creditor": creditor.pk, "key": "reminder_1", "medium": "email", "language": "fr", "audience": "business", "tone": "firm",
    }  # fmt: skip
    text = "---\nsubject: Bonjour\n---\nBonjour {{ customer.name }}, il reste {{ open }}."
    role = {"creditor": creditor.pk, "role": "auditor"}
    return {
        "write_message": about | {"how": "email", "subject": "Bonjour", "body": "Nous pensons à vous.\n\n[talk]\n\n[signature]"},
        "send_copies": about | {"invoices": [bill]}, "add_contact": about | {"name": "Léa"},
        "correct_contact": {"name": "Léo"}, "correct_address": {"country": "FR", "city": "Lyon"}, "entrust_customer": {},
        "start_call": about, "ask_word": about | {"user": at["users"]}, "tick_dispute_step": {"step": 0},
        "give_dispute": {"owner": at["users"]}, "put_dispute_off": {"due_on": soon}, "expect_credit_note": {"amount_minor": 100},
        "write_about_dispute": {"words": "We look at it."},
        "snooze_tasks": {"tasks": [at["tasks"]], "until": soon, "words": "later"},
        "assign_tasks": {"tasks": [at["tasks"]]}, "share_tasks": {"tasks": [at["tasks"]], "to": [at["users"]], "words": "look"},
        "answer_approvals": {"rows": [{"row": f"task-{at['tasks']}", "print": "x"}], "yes": True},
        "undo": {"undo": "nonsense"}, "entrust": {"creditor": creditor.pk, "role": "collector", "user": at["users"]},
        "hand_over": {"creditor": creditor.pk, "absent": at["users"], "stand_in": at["users"], "since": soon},
        "choose_escalations": {"rules": []}, "choose_dispute_courses": {"courses": []}, "choose_rules": {"values": {}},
        "choose_late_payment": {"since": soon, "choices": {}}, "preview_late_payment": {"since": soon, "choices": {}},
        "write_text": place | {"text": text, "after": 0}, "look_at_text": place | {"text": text},
        "go_back_to_house_text": place, "keep_channel": {"values": {}}, "keep_provider": {"values": {}},
        "keep_mailbox": {"values": {}}, "test_mailbox": {"values": {}}, "invite": role | {"email": "x@y.example"},
        "give_role": role | {"user": at["users"]}, "let_all_go": {"leave": True},
        "keep_view": {"room": "customers", "name": "Late", "query": "overdue=1"}, "wish_news": {"kind": "task", "way": "digest"},
    }  # fmt: skip


def token(user: User, *, creditor: int | None = None, acts: Any = None, hours: int = 1) -> str:
    made = tokens.make(
        user=user,
        name="test",
        creditor=creditor,
        acts=acts,
        expires_at=clock.now() + timedelta(hours=hours),
        now=clock.now(),
    )
    return made[1]


def caller(text: str) -> Client:
    """A client that sends this token, and speaks English."""
    return Client(headers={"authorization": f"Bearer {text}", "accept-language": "en"})
