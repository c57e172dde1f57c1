"""Nobody sees, or acts on, what lies outside their scope: every address of the desk is asked."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from amiable.casework.hand_over import hand_over, take_back
from amiable.casework.models import Case, Note, NoteFile, Placement, Task
from amiable.core import people
from amiable.core.models import AuditEntry, Role, Run, Scope
from amiable.ledger.models import Branch, Creditor, Customer
from amiable.outreach.models import Message, Reply
from amiable.scenario import shelf
from amiable.web.desk import (
    acts,
    bank_pages,
    campaign_pages,
    channel_pages,
    dispute_pages,
    match_pages,
    people_pages,
    plan_pages,
    psp_pages,
    responsibility_pages,
    scope,
    sending,
    urls,
)
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db

# Addresses that are no rows: the doors and switches, and the pages that are lists (asked below).
DOORS = {"login", "logout", "enter", "language", "theme", "news_read", "news_unread"} | {
    "live", "news_mark", "news_unsubscribe", "invited", "account", "session_end"
}  # fmt: skip
# Posts that name their rows in what is filled in: asked in test_desk_worklist.py.
CHOSEN = {
    "move", "moves_undo", "approvals_answer", "approvals_undo", "calls_next", "calls_stop",
    "view_keep", "view_change", "view_back",
}  # fmt: skip
LISTS = {
    "home", "customers", "plans", "runs", "figures", "board", "explore", "imports", "quarantine", "news", "news_menu",
    "news_wishes",
    "reports",
    "search", "tokens",
    "segments", "segments_moves", "segments_edit", "facts", "simulate", "scenarios", "campaigns", "campaign_new", "channels",
    "sending", "inbox", "mailboxes", "letters", "texts", "rules", "payments", "statements", "money", "late_payment",
    "portfolio", "placements", "disputes", "dispute_rules", "responsibility", "escalations",
    "people", "audit", "glance", "filters", "calls", "approvals",
}  # fmt: skip
# Posts that name their creditor in what is filled in, and a signed token of the one who brought a file: asked where
# the files, the segments and the campaigns are tested.
FILES = {
    "import_bring",
    "import_look",
    "imports_missing",
    "segments_preview",
    "segments_rows",
    "campaign_preview",
    "campaign_rows",
    "letters_make",
    "letters_returned",
    "statement_bring",
    "statement_look",
} | {
    "token_revoke",  # one's own: in test_api.py
    "text", "text_new", "text_look", "text_body", "text_version", "text_act", "text_house",  # in test_desk_texts.py
    "news_follow",  # in test_desk_news.py
    "list_file",  # in test_desk_files.py
}  # fmt: skip


def listed(name: str) -> str:
    """The address of a list; of the boards, the first one's."""
    return reverse(f"desk:{name}", args=["direction"] if name == "board" else [])


def addresses(customer: Customer) -> dict[str, str]:
    """Every address of the desk that names a row, of this customer's rows."""
    values = {
        "customer": customer.pk,
        "habit": customer.pk,
        "awaited": customer.pk,
        "known": customer.pk,
        "inside": customer.pk,
        "write_look": customer.pk,
        "copy": rows.document(customer.invoices.earliest("pk")).pk,
        "happened": customer.pk,
        "foreseen": customer.pk,
        "portal": customer.pk,
        "portal_body": customer.pk,
        "same": customer.pk,
        "charges": customer.pk,
        "message": Message.objects.get(customer=customer).pk,
        "message_settle": Message.objects.get(customer=customer).pk,
        "message_body": Message.objects.get(customer=customer).pk,
        "task": Task.objects.get(customer=customer).pk,
        "task_done": Task.objects.get(customer=customer).pk,
        "task_undone": Task.objects.get(customer=customer).pk,
        **dict.fromkeys(
            ("task_script", "task_hand", "call", "call_done", "call_skip"), Task.objects.get(customer=customer).pk
        ),
        "task_message": Task.objects.get(customer=customer).pk,
        "release": customer.creditor_id,
        "mailbox": customer.creditor_id,
        "answer": Reply.objects.get(customer=customer).pk,
        "answer_claim": rows.reply(None, creditor=customer.creditor).pk,
    }
    values |= {"pay_link": customer.pk, "stories": customer.pk, "receipt": rows.credit(customer, 100, days_ago=1).pk}
    values["chain"] = rows.chain(customer).pk
    scenario = shelf.save(data=shelf.shipped()[0], creditor=customer.creditor, now=clock.now()).pk
    values |= dict.fromkeys(("scenario", "scenario_edit", "scenario_activate", "scenario_retire"), scenario)
    values["experiment"] = scenario
    values |= dict.fromkeys(("experiment_change", "experiment_stop"), rows.experiment(customer.creditor).pk)
    sent = rows.campaign(customer).pk
    values |= dict.fromkeys(("campaign", "campaign_edit", "campaign_message"), sent)
    values["message_paper"] = values["message"]
    values |= dict.fromkeys(("letter_batch", "letter_batch_print", "letter_batch_posted"), rows.batch(customer).pk)
    row = rows.quarantined(customer.creditor)
    values |= {"import": row.loaded_by_id, "quarantine_mend": row.pk}
    told = rows.returned(customer.creditor)
    values |= {"statement": told.statement_id, "statement_return": told.pk}
    found = {name: reverse(f"desk:{name}", args=[pk]) for name, pk in values.items()}
    for act in bank_pages.ACTS:
        found[f"statement_act:{act}"] = reverse("desk:statement_act", args=[told.statement_id, act])
    money = rows.suspense(customer.creditor)
    found["money_one"] = reverse("desk:money_one", args=[money.credit_id])
    found["money_undo"] = reverse("desk:money_undo", args=[money.pk])
    for act in match_pages.ACTS:
        found[f"money_act:{act}"] = reverse("desk:money_act", args=[money.credit_id, act])
    found["board_file"] = reverse("desk:board_file", args=["direction", "csv"]) + f"?creditor={customer.creditor_id}"
    found["report"] = reverse("desk:report", args=[rows.report(customer.creditor).pk])
    found["channel"] = reverse("desk:channel", args=[customer.creditor_id, "mailgun"])
    for act in channel_pages.ACTS:
        found[f"channel_act:{act}"] = reverse("desk:channel_act", args=[customer.creditor_id, "mailgun", act])
    found["acquirer"] = reverse("desk:acquirer", args=[customer.creditor_id, "stripe"])
    for act in psp_pages.ACTS:
        found[f"acquirer_act:{act}"] = reverse("desk:acquirer_act", args=[customer.creditor_id, "stripe", act])
    found["live_told"] = reverse("desk:live_told", args=["task", values["task"]])
    call = rows.on_the_phone(customer)
    found |= {name: reverse(f"desk:{name}", args=[call.token]) for name in ("phone", "phone_pay", "phone_state")}
    keys = rows.on_the_keys(customer)
    found |= {name: reverse(f"desk:{name}", args=[keys.token]) for name in ("keypad", "keypad_back")}
    found["approval"] = reverse("desk:approval", args=[f"plan-{rows.plan(customer).pk}"])
    found["answer_file"] = reverse("desk:answer_file", args=[values["answer"], 0])
    found["scenario_migrate"] = reverse("desk:scenario_migrate", args=[scenario, scenario])
    found["scenario_message"] = reverse("desk:scenario_message", args=[scenario, "reminder_1"])
    found["scenario_body"] = reverse("desk:scenario_body", args=[scenario, "reminder_1", customer.pk])
    for act in campaign_pages.ACTS:
        found[f"campaign_act:{act}"] = reverse("desk:campaign_act", args=[sent, act])
    for act in sending.ACTS:
        found[f"sending_act:{act}"] = reverse("desk:sending_act", args=[customer.creditor_id, act])
    made = rows.plan(customer).pk
    found["plan_new"] = reverse("desk:plan_new", args=[customer.pk])
    found |= {name: reverse(f"desk:{name}", args=[made]) for name in ("plan", "plan_paper")}
    for act in plan_pages.ACTS:
        found[f"plan_act:{act}"] = reverse("desk:plan_act", args=[made, act])
    for act in acts.ACTS:
        found[f"act:{act}"] = reverse("desk:act", args=[customer.pk, act])
        found[f"act_undone:{act}"] = reverse("desk:act_undone", args=[customer.pk, act])
    contact = customer.contacts.get().pk
    found |= {f"act_on:{act}": reverse("desk:act_on", args=[customer.pk, act, contact]) for act in ("person", "wishes")}
    colleague = rows.colleague(f"works at {customer.creditor.key} {customer.pk}", customer.creditor, Role.SALES)
    found["person"] = reverse("desk:person", args=[colleague.pk])
    for act in people_pages.ACTS:
        found[f"person_act:{act}"] = reverse("desk:person_act", args=[colleague.pk, act])
    guest = people.invite(
        email="guest@example.org", language="en", by=colleague, now=clock.now(),
        scope={"role": Role.SALES, "creditor_ref": customer.creditor_id},
    )  # fmt: skip
    found["invitation_withdraw"] = reverse("desk:invitation_withdraw", args=[guest.pk])
    found["act_on:lift"] = reverse("desk:act_on", args=[customer.pk, "lift", customer.holds.get().pk])
    found["mentionable"] = reverse("desk:mentionable", args=[customer.pk])
    found["note_file"] = reverse("desk:note_file", args=[NoteFile.objects.get(note__customer=customer).pk])
    found["dispute"] = reverse("desk:dispute", args=[customer.disputes.get().pk])
    for act in dispute_pages.ACTS:
        found[f"dispute_act:{act}"] = reverse("desk:dispute_act", args=[customer.disputes.get().pk, act])
    for act in responsibility_pages.ACTS:
        found[f"responsibility_act:{act}"] = reverse("desk:responsibility_act", args=[customer.creditor_id, act])
    found["act_on:resolve"] = reverse("desk:act_on", args=[customer.pk, "resolve", customer.disputes.get().pk])
    return found


@pytest.fixture
def theirs() -> Creditor:
    return rows.creditor("theirs")


def test_this_test_knows_every_address(ours: Creditor) -> None:
    named = {pattern.name for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)}
    asked = {name.split(":")[0] for name in addresses(rows.full(ours, "Anna"))}
    assert named - DOORS - LISTS - FILES - CHOSEN == asked


def test_what_is_not_theirs_does_not_exist(ours: Creditor, theirs: Creditor) -> None:
    stranger = rows.full(theirs, "Zoe")
    rows.counted()
    client = rows.desk(rows.colleague("anna", ours))
    for name, address in addresses(stranger).items():
        get, post = (
            client.get(address).status_code,
            client.post(address, {"token": "t", "text": "x", "outcome": "paid"}).status_code,
        )
        assert {get, post} <= {404, 405}, name
        assert 404 in {get, post}, name
    assert Note.objects.filter(customer=stranger).count() == 1
    assert Task.objects.get(customer=stranger).done_at is None


def test_lists_show_none_of_it(ours: Creditor, theirs: Creditor) -> None:
    rows.full(ours, "Anna")
    stranger = rows.full(theirs, "Zoe")
    rows.counted()
    for owner in (ours, theirs):
        Run.objects.create(
            step="decide", creditor_ref=owner.pk, as_of=clock.today(), started_at=clock.now(), error=f"of {owner.name}"
        )
    client = rows.desk(rows.colleague("anna", ours))
    assert f"of {ours.name}" in client.get(reverse("desk:runs")).content.decode()
    for name in LISTS:
        page = client.get(listed(name), follow=True).content.decode()
        assert "Zoe" not in page, name
        assert "Theirs" not in page, name
    for words in ("Zoe", stranger.number, stranger.invoices.get().reference, "zoe@example.org"):
        assert "Zoe</a>" not in client.get(reverse("desk:customers"), {"q": words}).content.decode()
    asked = client.get(reverse("desk:customers"), {"creditor": theirs.pk}).content.decode()
    assert "Zoe" not in asked


def test_who_is_not_logged_in_meets_the_door(ours: Creditor) -> None:
    customer = rows.full(ours, "Anna")
    client = Client()
    for name, address in addresses(customer).items() | {
        (n, reverse(f"desk:{n}")) for n in ("home", "customers", "runs", "figures")
    }:
        response = client.get(address)
        assert response.status_code in {302, 405}, name
        if response.status_code == 302:
            assert response["location"].startswith("/login/"), name
    fragment = client.get(reverse("desk:foreseen", args=[customer.pk]), headers={"hx-request": "true"})
    assert fragment["HX-Redirect"] == "/login/"


def test_a_salesperson_sees_their_own_customers_only(ours: Creditor) -> None:
    karim = rows.colleague("karim", ours, Role.SALES, own=True)
    mine, other = rows.full(ours, "Mine"), rows.full(ours, "Other")
    Customer.objects.filter(pk=mine.pk).update(salesperson=karim)
    rows.counted()
    client = rows.desk(karim)
    assert client.get(reverse("desk:customer", args=[mine.pk])).status_code == 200
    assert client.get(reverse("desk:customer", args=[other.pk])).status_code == 404
    assert "Other" not in client.get(reverse("desk:customers")).content.decode()
    # What is of the whole house is not for them.
    assert client.get(reverse("desk:runs")).status_code == 404
    assert "desk:runs" not in client.get("/").content.decode()
    assert "/runs/" not in client.get("/").content.decode()


def test_a_branch_sees_its_customers_only(ours: Creditor) -> None:
    lyon = Branch.objects.create(creditor=ours, code="L", name="Lyon")
    here, there = rows.full(ours, "Here"), rows.full(ours, "There")
    Customer.objects.filter(pk=here.pk).update(branch=lyon)
    client = rows.desk(rows.colleague("bea", ours, Role.BRANCH, branch=lyon))
    assert client.get(reverse("desk:customer", args=[here.pk])).status_code == 200
    assert client.get(reverse("desk:customer", args=[there.pk])).status_code == 404


def test_who_has_no_scope_sees_nothing(ours: Creditor) -> None:
    customer = rows.full(ours, "Anna")
    rows.counted()
    client = rows.desk(rows.colleague("nobody"))
    assert "Anna" not in client.get(reverse("desk:customers")).content.decode()
    assert client.get(reverse("desk:customer", args=[customer.pk])).status_code == 404
    assert client.get("/").status_code == 200


def test_who_only_reads_cannot_act(ours: Creditor) -> None:
    customer = rows.full(ours, "Anna")
    audrey = rows.colleague("audrey", ours, Role.AUDITOR)
    client = rows.desk(audrey)
    page = client.get(reverse("desk:customer", args=[customer.pk])).content.decode()
    assert "/act/" not in page
    words = {"token": "t", "text": "x", "outcome": "paid", "act": "keep"}
    for name, address in addresses(customer).items():
        # Nothing can be posted, or there is nothing to post to.
        assert client.post(address, words).status_code in {404, 405}, name
    for name in LISTS - {"news_wishes", "tokens"}:  # which are about oneself
        # Some pages of those who administer are there, and empty.
        assert client.post(listed(name), words).status_code in {200, 404, 405}, name
    assert not AuditEntry.objects.filter(user=audrey).exclude(act__endswith=".viewed").exists()


def test_a_right_at_one_creditor_is_none_at_another(ours: Creditor, theirs: Creditor) -> None:
    user = rows.colleague("vera", ours, Role.MANAGER)
    Scope.objects.create(user=user, role=Role.AUDITOR, creditor_ref=theirs.pk)
    read_only = rows.full(theirs, "Zoe")
    client = rows.desk(user)
    assert client.get(reverse("desk:customer", args=[read_only.pk])).status_code == 200
    assert client.post(reverse("desk:act", args=[read_only.pk, "note"]), {"token": "t", "text": "x"}).status_code == 404
    Creditor.objects.update(released_at=None)
    assert client.post(reverse("desk:release", args=[theirs.pk])).status_code == 404
    assert client.post(reverse("desk:release", args=[ours.pk])).status_code == 302
    assert set(Creditor.objects.filter(released_at=None)) == {theirs}


# Addresses about rows of the house rather than of one customer: who sees a part of a creditor may look at some of them,
# an agency at none.
HOUSE = (
    "release", "mailbox", "answer_claim", "scenario", "experiment", "campaign", "letter_batch", "import", "quarantine",
    "statement", "money", "channel", "acquirer", "sending", "responsibility",
)  # fmt: skip


def out_of_reach(client: Client, asked: dict[str, str]) -> None:
    """None of these addresses exists for this colleague, whatever is posted to them."""
    for name, address in asked.items():
        get, post = client.get(address).status_code, client.post(address, {"token": "t", "text": "x"}).status_code
        assert {get, post} <= {404, 405}, name
        assert 404 in {get, post}, name


@pytest.mark.parametrize("role", Role.values)
def test_no_role_reaches_out_of_its_branch_or_beyond_its_own_customers(ours: Creditor, role: str) -> None:
    lyon, nice = (Branch.objects.create(creditor=ours, code=name, name=name) for name in ("Lyon", "Nice"))
    there = rows.full(ours, "There")
    Customer.objects.filter(pk=there.pk).update(branch=nice)
    asked = {name: address for name, address in addresses(there).items() if not name.startswith(HOUSE)}
    assert len(asked) > 40
    out_of_reach(rows.desk(rows.colleague("bea", ours, role, branch=lyon)), asked)
    if role in (Role.SALES, Role.MANAGER):
        out_of_reach(rows.desk(rows.colleague("karim", ours, role, own=True)), asked)


def placed(customer: Customer, agency: str) -> Placement:
    case = Case.objects.create(
        creditor=customer.creditor, customer=customer, currency="EUR", opened_on=clock.today(), opened_overdue_minor=1
    )
    return Placement.objects.create(case=case, agency=agency, placed_at=clock.now())


def agent(of: Creditor, agency: str) -> Client:
    user = rows.colleague("agent", of, Role.AGENCY)
    user.scopes.update(agency=agency)
    return rows.desk(user)


def test_an_agency_sees_the_cases_placed_with_it_and_nothing_of_the_house(ours: Creditor, theirs: Creditor) -> None:
    mine, other = rows.full(ours, "Odile"), rows.full(ours, "Other")
    rows.counted()
    row = placed(mine, "Recouvra")
    placed(other, "Somebody else")
    client = agent(ours, "Recouvra")
    assert client.get("/")["location"] == reverse("desk:placements")
    assert "Odile" in client.get(reverse("desk:placements")).content.decode()
    out_of_reach(client, addresses(other))
    for name in LISTS:
        answer = client.get(listed(name), follow=True)
        assert answer.status_code in {200, 404}, name
        assert "Other" not in answer.content.decode(), name
        own = answer.redirect_chain or name in {"placements", "search"}
        assert own or "Odile" not in answer.content.decode(), name
    for name in (
        "segments",
        "scenarios",
        "texts",
        "figures",
        "responsibility",
        "runs",
        "imports",
        "campaigns",
        "portfolio",
    ):
        answer = client.get(reverse(f"desk:{name}"))
        assert answer.status_code == 404 or "Ours" not in answer.content.decode(), name
    # They may keep a note, and nothing else; recalled, the case is gone.
    written = reverse("desk:act", args=[mine.pk, "note"])
    assert client.post(written, {"token": "note-by-agency", "text": "Rang."}).status_code == 302
    assert client.post(reverse("desk:act", args=[mine.pk, "hold"]), {"token": "t"}).status_code == 404
    row.recalled_at = clock.now()
    row.save()
    assert client.get(reverse("desk:customer", args=[mine.pk])).status_code == 404


def test_an_agency_without_a_name_sees_nothing(ours: Creditor) -> None:
    customer = rows.full(ours, "Anna")
    placed(customer, "")
    assert agent(ours, "").get(reverse("desk:customer", args=[customer.pk])).status_code == 404


def test_a_stand_in_sees_the_portfolio_for_that_time_with_rights_of_their_own(ours: Creditor, theirs: Creditor) -> None:
    karim, zoe = (rows.colleague(name, ours, Role.SALES, own=True) for name in ("karim", "zoe"))
    Scope.objects.create(user=karim, role=Role.MANAGER, creditor_ref=theirs.pk)
    mine, strangers = rows.full(ours, "Mine"), rows.full(theirs, "Zoltan")
    Customer.objects.filter(pk=mine.pk).update(salesperson=karim)
    rows.counted()
    page = reverse("desk:customer", args=[mine.pk])
    assert rows.desk(zoe).get(page).status_code == 404
    row = hand_over(
        creditor=ours, absent=karim, stand_in=zoe, since=clock.today(), until=clock.today() + timedelta(days=2),
        now=clock.now(), by=karim,
    )  # fmt: skip
    assert rows.desk(zoe).get(page).status_code == 200
    mine.refresh_from_db()
    assert zoe in scope.colleagues(mine)
    assert "Mine" in rows.desk(zoe).get(reverse("desk:portfolio")).content.decode()
    assert rows.desk(zoe).get(reverse("desk:customer", args=[strangers.pk])).status_code == 404
    take_back(row=row, now=clock.now(), by=karim)
    assert rows.desk(zoe).get(page).status_code == 404


def test_a_stand_in_may_do_no_more_than_before(ours: Creditor) -> None:
    vera, sam = rows.colleague("vera", ours, Role.MANAGER), rows.colleague("sam", ours, Role.SALES, own=True)
    customer = rows.full(ours, "Anna")
    hand_over(creditor=ours, absent=vera, stand_in=sam, since=clock.today(), until=None, now=clock.now(), by=vera)
    client = rows.desk(sam)
    assert client.get(reverse("desk:customer", args=[customer.pk])).status_code == 200
    assert client.get(reverse("desk:act", args=[customer.pk, "note"])).status_code == 200
    for closed in ("write_off", "refund", "sell"):
        assert client.get(reverse("desk:act", args=[customer.pk, closed])).status_code == 404
    for name in ("runs", "rules", "escalations", "imports"):
        assert client.get(reverse(f"desk:{name}")).status_code == 404


# What a role may do about a customer whom it sees: docs/operations/roles.md has the same table.
RIGHTS = {
    Role.COLLECTOR: "note talk hold write plan see_means take load",
    Role.MANAGER: "note talk hold write plan merge place approve_plan see_means take refund write_off sell release administer"
    " load see_team",
    Role.ADMIN: "note talk hold write plan merge place approve_plan see_means take refund write_off sell release administer"
    " load see_team",
    Role.SALES: "note talk hold",
    Role.BRANCH: "note talk hold",
    Role.ACCOUNTANT: "note talk write take refund write_off sell load",
    Role.SERVICE: "note talk hold take",
    Role.BUYER: "note",
    Role.AGENCY: "note",
    Role.AUDITOR: "",
}


@pytest.mark.parametrize("role", Role.values)
def test_each_role_may_do_what_the_table_says(ours: Creditor, role: str) -> None:
    customer = rows.customer(ours, "Anna")
    if role == Role.AGENCY:
        placed(customer, "Recouvra")
    user = rows.colleague("someone", ours, role)
    user.scopes.update(agency="Recouvra" if role == Role.AGENCY else "")
    assert scope.rights(user, customer) & set(RIGHTS[Role.MANAGER].split()) == set(RIGHTS[Role(role)].split())
