"""Who may not, may not: each operation of the API is asked without a token, with a bad one, by a stranger and by a wrong role."""

import itertools
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from amiable.core import audit
from amiable.core.models import ApiToken, AuditEntry, Role
from amiable.ledger.models import Branch, Customer
from amiable.web.api import api, document
from amiable.web.api.room import KEYED, READ, RIGHTS
from amiable.web.ui import clock
from tests.web import api_rows
from tests.web import desk_rows as rows
from tests.web.api_rows import House

pytestmark = pytest.mark.django_db
OPERATIONS = document.operations(document.written(api.api))
NUMBER = itertools.count()
KEYS = {
    "get_board": "direction",
    "list_kpis": "",
    "slice_kpi": "recovery_rate",
}  # of a creditor that is asked for by name
FILES = {"load_file", "look_at_file", "book_bank_file"}
# What belongs to nobody in particular, or to the asker: a stranger gets their own answer there.
OWN = {
    "list_missing_invoices", "get_me", "search", "list_news_wishes", "wish_news", "keep_view", "undo", "next_call",
    "let_calls_go",
}  # fmt: skip
# What a person changes of their own, or took to their own view: any role and any token may.
OWN_ACTS = {
    "read_notification", "unread_notification", "keep_view", "drop_view", "share_view", "open_with_view", "wish_news", "undo",
}  # fmt: skip


def acts() -> int:
    """How many lines of the trail tell of a change of what is the house's; views are their colleague's own."""
    return AuditEntry.objects.exclude(act__regex=r"\.(viewed|exported)$|^view\.").count()


def ask(client: Client, house: House, path: str, method: str, name: str, **instead: int) -> Any:
    answer = _asked(client, house, path, method, name, **instead)
    if answer.streaming:
        answer.getvalue()  # a file is read to its end, and closed
    return answer


def _asked(client: Client, house: House, path: str, method: str, name: str, **instead: int) -> Any:
    """Asks an operation about the rows of a house, or about other rows in their place."""
    told = path
    if "{pk}" in path:
        told = path.replace("{pk}", str(instead.get("pk") or house.rows[path.split("/")[2]])).replace("{place}", "0")
    if name in KEYS:
        return client.get(path.replace("{key}", KEYS[name]), {"creditor": house.creditor.pk})
    told = told.replace("{key}", "dummy" if "/providers/" in path else "email")
    if method == "get":
        asked = {"search": {"q": house.customer.name}, "get_spoken_text": house.bodies["go_back_to_house_text"]}
        return client.get(told, asked.get(name))
    if name in FILES:
        file = SimpleUploadedFile("x.csv", b"a;b\n1;2\n")
        return client.post(told, {"creditor": house.creditor.pk, "file": file})
    if name == "write_note_with_files":
        return client.post(told, {"customer": house.customer.pk, "files": SimpleUploadedFile("x.txt", b"words")})
    body, headers = json.dumps(house.bodies.get(name, {})), {"if-match": '"x"'}
    if name in KEYED:
        headers["idempotency-key"] = f"{name}-{next(NUMBER)}"
    return getattr(client, method)(told, body, content_type="application/json", headers=headers)


PERSONAL = ("/api/notifications", "/api/scopes/", "/api/users/", "/api/views/", "/api/invitations/")
# What a role that may not do it does not see either.
UNSEEN = {"claim_reply", "answer_approvals", "take_role", "close_account", "reopen_account", "end_sessions"}
# The house has an e-mail, a plan that nobody has agreed to, and nothing that was measured.
NO_PAPER = {"get_letter_paper", "get_agreement", "slice_kpi"}


def test_without_a_good_token_nothing_is_answered(ours: House) -> None:
    good, expired, revoked, left = (api_rows.token(ours.manager) for _each in range(4))
    tokens = {row.prefix: row for row in ApiToken.objects.all()}
    ApiToken.objects.filter(pk=tokens[expired[:11]].pk).update(expires_at=clock.now() - timedelta(seconds=1))
    ApiToken.objects.filter(pk=tokens[revoked[:11]].pk).update(revoked_at=clock.now())
    gone = rows.colleague("gone", ours.creditor)
    gone.is_active = False
    gone.save()
    ApiToken.objects.filter(pk=tokens[left[:11]].pk).update(user=gone)
    for text in (left, good[:-1], good + "x", "", "nonsense"):
        assert api_rows.caller(text).get("/api/me").status_code == 401
    assert api_rows.caller(good).get("/api/me").status_code == 200
    clients = [Client(), api_rows.caller(expired), api_rows.caller(revoked)]
    for path, method, told in OPERATIONS:
        for client in clients:
            answer = ask(client, ours, path, method, told["operationId"])
            assert answer.status_code == 401, (path, method)
            assert answer["Content-Type"] == "application/problem+json"
            assert answer["WWW-Authenticate"].startswith("Bearer")
            assert not {"Anna", "Ours"} & set(answer.content.decode().replace('"', " ").split())


def test_to_a_stranger_it_does_not_exist(ours: House) -> None:
    other = rows.creditor("theirs")
    client = api_rows.caller(api_rows.token(rows.colleague("zoe", other)))
    before = acts()
    for path, method, told in OPERATIONS:
        name = told["operationId"]
        if name in OWN:
            assert "Anna" not in ask(client, ours, path, method, name).content.decode()
            continue
        answer = ask(client, ours, path, method, name)
        if method == "get" and "{pk}" not in path and answer.status_code == 200:
            assert "Anna" not in answer.content.decode(), path
            assert "Ours" not in answer.content.decode(), path
            continue
        assert answer.status_code in ((422,) if name == "answer_missing_invoices" else (404,)), (
            path,
            method,
            answer.content,
        )
        if "{pk}" in path:
            nowhere = ask(client, ours, path, method, name, pk=10**15)
            assert (nowhere.status_code, nowhere.content) == (answer.status_code, answer.content), path
    assert acts() == before


# Resources that are about one customer: a look at a row of them is a look at the customer.
OF_CUSTOMERS = {
    "customers", "profiles", "scores", "memberships", "contacts", "consents", "preferences", "words", "invoices", "credits",
    "allocations", "entries", "waivers", "attempts", "chains", "standing-orders", "cases", "promises", "disputes", "holds",
    "notes", "survey-answers", "tasks", "plans", "messages", "replies", "opt-outs", "invoice-copies", "note-files",
    "campaign-recipients", "decisions", "notifications", "sales", "placements",
}  # fmt: skip


def looked_at(written: list[AuditEntry], house: House, path: str, name: str) -> None:
    """What was read stands in the trail: whose it was, or which operation told it about which row."""
    lines = {(each.act, each.subject, each.subject_ref) for each in written}
    resource = path.split("/")[2]
    theirs = {("customer.viewed", "customer", house.customer.pk)}
    if "{pk}" in path and resource in OF_CUSTOMERS:
        assert lines == theirs, path
    elif lines != theirs:
        assert lines == {("page.viewed", name, house.rows[resource] if "{pk}" in path else None)}, path
    written.clear()


@pytest.mark.parametrize("narrowed", ["role", "token"])
def test_a_wrong_role_and_a_narrow_token_only_read(ours: House, narrowed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[AuditEntry] = []
    monkeypatch.setattr(audit, "views_once", written.extend)
    auditor = rows.colleague("audrey", ours.creditor, Role.AUDITOR)
    text = api_rows.token(auditor) if narrowed == "role" else api_rows.token(ours.manager, acts=[])
    client = api_rows.caller(text)
    before = acts()
    for path, method, told in OPERATIONS:
        name = told["operationId"]
        if RIGHTS[name] == READ or (narrowed, RIGHTS[name]) == ("role", "audit"):
            theirs = path.startswith(PERSONAL if narrowed == "role" else "/api/invitations/")
            if method == "get" and not theirs and name not in NO_PAPER:
                assert ask(client, ours, path, method, name).status_code == 200, (path, method)
                looked_at(written, ours, path, name)
            continue
        answer = ask(client, ours, path, method, name)
        refused = 422 if (name, narrowed) == ("answer_missing_invoices", "role") else 403
        wrong = 404 if name in UNSEEN and narrowed == "role" else refused
        assert answer.status_code == wrong, (path, method, answer.content)
        assert answer.json()["detail"]
    assert acts() == before


def test_a_token_of_one_creditor_shows_no_other(ours: House) -> None:
    theirs = api_rows.house("theirs", "Zoe")
    boss = rows.colleague("boss")
    boss.is_superuser = True
    boss.save()
    client = api_rows.caller(api_rows.token(boss, creditor=ours.creditor.pk))
    assert client.get(f"/api/customers/{ours.customer.pk}").status_code == 200
    assert client.get(f"/api/customers/{theirs.customer.pk}").status_code == 404
    assert "Zoe" not in client.get("/api/customers").content.decode()
    assert client.get("/api/search", {"q": "Zoe"}).json() == []
    assert [each["id"] for each in client.get("/api/creditors").json()["items"]] == [ours.creditor.pk]
    both = rows.colleague("both", ours.creditor)
    both.scopes.create(role=Role.MANAGER, creditor_ref=theirs.creditor.pk)
    narrow = api_rows.caller(api_rows.token(both, creditor=ours.creditor.pk))
    assert narrow.get(f"/api/customers/{theirs.customer.pk}").status_code == 404


def test_a_branch_and_a_portfolio_hold_here_too(ours: House) -> None:
    lyon = Branch.objects.create(creditor=ours.creditor, code="P", name="Paris")
    karim = rows.colleague("karim", ours.creditor, Role.SALES, own=True)
    for user in (rows.colleague("bea", ours.creditor, Role.BRANCH, branch=lyon), karim):
        client = api_rows.caller(api_rows.token(user))
        assert client.get(f"/api/customers/{ours.customer.pk}").status_code == 404
        assert client.get("/api/invoices").json()["items"] == []
        assert client.get("/api/bank-statements").json()["items"] == []
    Customer.objects.filter(pk=ours.customer.pk).update(salesperson=karim)
    assert client.get(f"/api/customers/{ours.customer.pk}").status_code == 200


def test_every_operation_says_which_right_it_needs() -> None:
    assert {told["operationId"] for _path, _method, told in OPERATIONS} == set(RIGHTS)
    for _path, method, told in OPERATIONS:
        assert RIGHTS[told["operationId"]] != READ or method == "get" or told["operationId"] in OWN_ACTS


def test_a_session_works_with_its_csrf_token_only(ours: House) -> None:
    browser = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    browser.force_login(ours.manager)
    assert browser.get("/api/me").json()["user"]["username"] == "manager-ours"
    body = json.dumps(ours.bodies["write_note"])
    assert browser.post("/api/notes", body, content_type="application/json").status_code == 403
    browser.get("/")
    token = browser.cookies["csrftoken"].value
    answer = browser.post("/api/notes", body, content_type="application/json", headers={"x-csrftoken": token})
    assert answer.status_code == 201


def test_whoever_owes_a_second_factor_is_let_in_by_no_token(ours: House) -> None:
    text = api_rows.token(ours.manager)
    assert api_rows.caller(text).get("/api/me").status_code == 200
    ours.creditor.policy["second_factor"] = [Role.MANAGER, Role.ADMIN]
    ours.creditor.save()
    refused = api_rows.caller(text).get("/api/me")
    assert (refused.status_code, "second factor" in refused.json()["detail"]) == (403, True)
