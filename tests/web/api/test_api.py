"""What the API does: each act once, whole or not at all, told in the trail as the desk tells it; lists that lose no row."""

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from amiable.casework.models import Note
from amiable.core.models import ApiAnswer, ApiToken, AuditEntry
from amiable.ledger.models import EntryKind, Invoice
from amiable.payments.models import Promise
from amiable.web.api import api, document
from amiable.web.ui import clock
from tests.web import api_rows
from tests.web import desk_rows as rows
from tests.web.api_rows import House

pytestmark = pytest.mark.django_db


def send(client: Client, path: str, body: Any, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"/api{path}", json.dumps(body), content_type="application/json", headers=named)


def test_a_customer_with_everything_at_hand(client: Client, ours: House) -> None:
    with CaptureQueriesContext(connection) as asked:
        told = client.get(f"/api/customers/{ours.customer.pk}").json()
    assert len(asked) <= 16  # one of them counts the token's requests
    assert told["customer"]["name"] == "Anna"
    assert told["exposure"][0]["open_minor"] == Invoice.objects.get(customer=ours.customer).open_minor
    assert told["contacts"][0]["points"][0]["value"] == "anna@example.org"
    assert "talk" in told["rights"]
    lines = client.get(f"/api/customers/{ours.customer.pk}/timeline").json()
    assert {"note", "dispute"} <= {line["kind"] for line in lines["items"]}
    expected = client.get(f"/api/customers/{ours.customer.pk}/expected").json()
    assert (expected["lines"], expected["silence"][:23]) == ([], "No forecast was made in")


def test_a_list_loses_no_row_and_tells_none_twice(client: Client, ours: House) -> None:
    made = [rows.invoice(ours.customer, 1_000 + n, late=n).pk for n in range(7)]
    first = client.get("/api/invoices", {"limit": 3}).json()
    rows.invoice(ours.customer, 9_999, late=1)  # comes in between
    found, cursor = [each["id"] for each in first["items"]], first["next"]
    while cursor:
        more = client.get("/api/invoices", {"limit": 3, "cursor": cursor}).json()
        found += [each["id"] for each in more["items"]]
        cursor = more["next"]
    assert found == sorted([*made, ours.rows["invoices"]], reverse=True)


@pytest.mark.parametrize(
    ("asked", "count"),
    [({"open": "true"}, 1), ({"open": "false"}, 0), ({"due_before": "2000-01-01"}, 0), ({"currency": "USD"}, 0)],
)
def test_filters_narrow(client: Client, ours: House, asked: dict[str, str], count: int) -> None:
    assert len(client.get("/api/invoices", asked).json()["items"]) == count


def test_an_act_is_the_desks_and_stands_in_the_trail(client: Client, ours: House) -> None:
    soon = clock.today() + timedelta(days=5)
    rows.invoice(ours.customer, 20_000, late=3)
    told = {"customer": ours.customer.pk, "amount_minor": 12_345, "currency": "EUR", "promised_for": soon.isoformat()}
    answer = send(client, "/promises", told)
    assert answer.status_code == 201, answer.content
    made = Promise.objects.get(pk=answer.json()["id"])
    assert (made.amount_minor, made.promised_for, made.taken_by) == (12_345, soon, ours.manager)
    assert AuditEntry.objects.filter(act="desk.promise", subject_ref=ours.customer.pk, user=ours.manager).count() == 1


ACTS: dict[str, tuple[str, Callable[[House], Any]]] = {
    "write_off": ("/write-offs", lambda house: house.bodies["write_off"]),
    "add_charge": ("/charges", lambda house: house.bodies["add_charge"]),
    "waive": ("/waivers", lambda house: house.bodies["waive"]),
    "write_note": ("/notes", lambda house: house.bodies["write_note"]),
    "place_hold": ("/holds", lambda house: house.bodies["place_hold"]),
    "claim_paid": ("/payment-claims", lambda house: house.bodies["claim_paid"]),
    "take_out": ("/actions", lambda house: house.bodies["take_out"]),
    "send_statement": ("/account-statements", lambda house: house.bodies["send_statement"]),
    "give_pay_link": ("/pay-links", lambda house: house.bodies["give_pay_link"]),
}


@pytest.mark.parametrize("name", list(ACTS))
def test_each_act_reaches_the_books(client: Client, ours: House, name: str) -> None:
    path, body = ACTS[name]
    answer = send(client, path, body(ours))
    if name == "add_charge":  # not claimed where the creditor has not chosen so: the desk's own sentence
        assert answer.status_code == 409
        assert "Costs are not claimed" in answer.json()["detail"]
        return
    assert answer.status_code == 201, answer.content
    if name == "write_off":
        assert answer.json()["kind"] == EntryKind.WRITE_OFF
        assert answer.json()["amount_minor"] == -100


def test_what_the_desk_refuses_is_refused_by_field(client: Client, ours: House) -> None:
    yesterday = (clock.today() - timedelta(days=1)).isoformat()
    body = {"customer": ours.customer.pk, "amount_minor": 100, "currency": "EUR", "promised_for": yesterday}
    answer = send(client, "/promises", body)
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "body.promised_for"
    over = send(client, "/write-offs", ours.bodies["write_off"] | {"amount_minor": 10**9})
    assert over.status_code == 409
    assert not Invoice.objects.filter(open_minor__lt=0).exists()
    strange = send(client, "/notes", ours.bodies["write_note"] | {"colour": "red"})
    assert strange.json()["errors"][0]["field"] == "body.colour"


def test_the_same_key_is_one_effect(client: Client, ours: House) -> None:
    body = ours.bodies["write_note"]
    first = send(client, "/notes", body, idempotency_key="k1")
    again = send(client, "/notes", body, idempotency_key="k1")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again["Idempotency-Replayed"] == "true"
    assert Note.objects.filter(text=body["text"]).count() == 1
    other = send(client, "/notes", body | {"text": "Another."}, idempotency_key="k1")
    assert other.status_code == 409
    assert not Note.objects.filter(text="Another.").exists()
    someone = api_rows.caller(api_rows.token(rows.colleague("vera", ours.creditor)))
    assert send(someone, "/notes", body, idempotency_key="k1").status_code == 201  # a key is its person's
    assert send(client, "/notes", body, idempotency_key="x" * 201).status_code == 400
    ApiAnswer.objects.update(made_at=clock.now() - timedelta(days=8))
    assert "Idempotency-Replayed" not in send(client, "/notes", body, idempotency_key="k1")


@pytest.mark.django_db(transaction=True)
def test_two_at_once_with_one_key_are_one_effect() -> None:
    ours = api_rows.house()
    text = api_rows.token(ours.manager)
    answers: list[Any] = []

    def once() -> None:
        try:
            answers.append(send(api_rows.caller(text), "/notes", ours.bodies["write_note"], idempotency_key="k"))
        finally:
            connection.close()

    threads = [threading.Thread(target=once) for _each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert Note.objects.filter(text=ours.bodies["write_note"]["text"]).count() == 1


def test_a_token_has_so_many_requests(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.API_PER_MINUTE = 3
    monkeypatch.setattr(time, "time", lambda: 1_800_000_007.0)
    asked = [client.get("/api/me") for _each in range(4)]
    assert [answer.status_code for answer in asked] == [200, 200, 200, 429]
    assert [answer["RateLimit-Remaining"] for answer in asked] == ["2", "1", "0", "0"]
    assert asked[3]["Retry-After"] == asked[3]["RateLimit-Reset"] == "53"
    assert asked[3]["Content-Type"] == "application/problem+json"
    monkeypatch.setattr(time, "time", lambda: 1_800_000_060.0)
    assert client.get("/api/me").status_code == 200


def test_nobody_is_overwritten(client: Client, ours: House) -> None:
    path = f"/api/campaigns/{ours.rows['campaigns']}"
    body = json.dumps(ours.bodies["revise_campaign"])
    seen = client.get(path)["ETag"]

    def put(**headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.put(path, body, content_type="application/json", headers=named)

    assert put().status_code == 428
    first = put(if_match=seen)
    assert first.status_code == 200, first.content
    assert put(if_match=seen).status_code == 412
    assert put(if_match=first["ETag"]).status_code == 200


def test_a_scenario_is_drafted_changed_and_put_in_force(client: Client, ours: House) -> None:
    body = ours.bodies["draft_scenario"]
    data = body["data"] | {"key": "mine"}
    made = send(client, "/scenarios", body | {"data": data})
    assert made.status_code == 201, made.content
    path = f"/api/scenarios/{made.json()['id']}"
    tag = client.get(path)["ETag"]
    kept = client.put(path, json.dumps({"data": data}), content_type="application/json", headers={"if-match": tag})
    assert kept.status_code == 200, kept.content
    broken = {"data": {"key": "businesses", "steps": [{"key": "x"}]}}
    wrong = client.put(path, json.dumps(broken), content_type="application/json", headers={"if-match": kept["ETag"]})
    assert wrong.status_code == 422
    assert send(client, f"/scenarios/{made.json()['id']}/activate", {}).json()["state"] == "active"


def test_the_document_and_its_page(client: Client) -> None:
    told = Client().get("/api/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    page = Client().get(reverse("api:docs"))
    assert page.status_code == 200
    assert "take_promise" in page.content.decode()
    assert "http" not in page.content.decode().split("<main")[1].replace("https://", "http://").split("http://")[0]


def test_no_two_schemas_share_a_name() -> None:
    """Two classes of one name would stand in the document as one."""
    named: dict[str, set[Any]] = {}
    for bound in api.api._get_bound_routers():
        for view in bound.path_operations.values():
            for operation in view.operations:
                for model in [*operation.models, *(each for each in operation.response_models.values() if each)]:
                    for field in getattr(model, "model_fields", {}).values():
                        _collect(field.annotation, named)
    assert {name: kinds for name, kinds in named.items() if len(kinds) > 1} == {}
    assert document.operations(document.written(api.api))


def _collect(kind: Any, named: dict[str, set[Any]]) -> None:
    for inner in getattr(kind, "__args__", ()):
        _collect(inner, named)
    if isinstance(kind, type) and hasattr(kind, "model_fields") and kind not in named.get(kind.__name__, ()):
        named.setdefault(kind.__name__, set()).add(kind)
        for field in kind.model_fields.values():
            _collect(field.annotation, named)


def test_tokens_of_ones_own(ours: House) -> None:
    browser = rows.desk(ours.manager)
    page = reverse("desk:tokens")
    assert "No token yet" in browser.get(page).content.decode()
    told = {"name": "Nightly", "creditor": str(ours.creditor.pk), "acts": ["note"], "days": "30"}
    shown = browser.post(page, told).content.decode()
    text = shown.split('value="am_')[1].split('"')[0]
    row = ApiToken.objects.get()
    assert text not in str(vars(row))
    caller = api_rows.caller(f"am_{text}")
    assert caller.get("/api/me").json()["acts"] == ["note"]
    assert send(caller, "/notes", ours.bodies["write_note"]).status_code == 201
    assert send(caller, "/holds", ours.bodies["place_hold"]).status_code == 403
    assert f"am_{text}" not in browser.get(page).content.decode()
    stranger = rows.desk(rows.colleague("zoe", ours.creditor))
    assert stranger.post(reverse("desk:token_revoke", args=[row.pk])).status_code == 404
    assert browser.post(reverse("desk:token_revoke", args=[row.pk])).status_code == 302
    assert caller.get("/api/me").status_code == 401
    assert browser.post(page, told | {"acts": ["fly"]}).status_code == 422
    assert browser.post(page, told | {"creditor": str(rows.creditor("theirs").pk)}).status_code == 422
