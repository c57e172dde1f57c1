"""What a house does rarely and weighs before it does it: cases with agencies, sales to the factor, two records made one, segments
and late payment looked at ahead, one figure in its parts. By API as at the desk, by who may, once.
"""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from amiable.casework.models import Placement
from amiable.core.models import AuditEntry, Role
from amiable.ledger import choose
from amiable.ledger.factor import sold_by
from amiable.ledger.models import Creditor, Customer, CustomerKind, Sale
from amiable.portfolio.models import SegmentSet
from amiable.web.ui import clock
from tests.web import api_rows
from tests.web import desk_rows as rows
from tests.web.api_rows import House

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


def post(client: Client, path: str, body: Any, *, status: int = 200, key: str = "") -> Any:
    headers = {"idempotency-key": key} if key else {}
    answer = client.post(f"/api{path}", json.dumps(body), content_type="application/json", headers=headers)
    assert answer.status_code == status, answer.content
    return answer


def trail(customer: Customer, act: str) -> int:
    return AuditEntry.objects.filter(act=act, subject_ref=customer.pk).count()


def test_cases_go_to_an_agency_that_sees_its_own_and_come_back(ours: House, client: Client) -> None:
    body = {"customer": ours.customer.pk, "agency": " Recouvra "}
    first = post(client, "/placements", body, status=201, key="k")
    [placed] = first.json()
    assert post(client, "/placements", body, status=201, key="k").json() == [placed]
    assert (placed["agency"], placed["customer"]) == ("Recouvra", ours.customer.pk)
    assert "lies with Recouvra already" in post(client, "/placements", body, status=409).json()["detail"]
    away = client.get("/api/placements", {"away": "true", "agency": "Recouvra"}).json()["items"]
    assert [each["id"] for each in away] == [placed["id"]]

    agent = rows.colleague("agent", ours.creditor, Role.AGENCY)
    agent.scopes.update(agency="Recouvra")
    theirs = api_rows.caller(api_rows.token(agent))
    assert theirs.get(f"/api/customers/{ours.customer.pk}/timeline").status_code == 200
    assert theirs.get("/api/placements").json()["items"] == [placed], "what lay with others is not theirs to read"
    assert theirs.get(f"/api/placements/{ours.rows['placements']}").status_code == 404
    post(theirs, f"/customers/{ours.customer.pk}/take-back", {"outcome": "paid"}, status=403)

    [back] = post(client, f"/customers/{ours.customer.pk}/take-back", {"outcome": "not_paid"}).json()
    assert (back["id"], back["outcome"], bool(back["recalled_at"])) == (placed["id"], "not_paid", True)
    assert theirs.get(f"/api/customers/{ours.customer.pk}/timeline").status_code == 404
    assert (trail(ours.customer, "desk.agency"), trail(ours.customer, "desk.recall")) == (1, 1)

    again = post(client, "/placements", body, status=201)
    post(client, "/undo", {"undo": again["Undo"]})
    assert not Placement.objects.filter(recalled_at=None).exists()


def test_invoices_are_sold_bought_back_and_both_are_taken_back(ours: House, client: Client) -> None:
    one, two = ours.rows["invoices"], rows.invoice(ours.customer, 7_000, late=2).pk
    stranger = rows.invoice(rows.customer(ours.creditor, "Boris"), 9_000, late=2).pk
    about, soon = {"customer": ours.customer.pk}, clock.today() + timedelta(days=3)

    def sold() -> set[int]:
        found = sold_by([ours.customer.pk], as_of=soon).get(ours.customer.pk)
        return {pk for pk in (one, two) if found is not None and pk in found}

    made = post(client, "/sales", about | {"invoices": [one], "since": soon.isoformat()}, status=201)
    [sale] = made.json()
    assert (sale["invoice"], sale["since"], sale["until"], sold()) == (one, soon.isoformat(), None, {one})
    for wrong in ({"invoices": [stranger]}, {"invoices": [one]}, {}, {"invoices": [two], "everything": True}):
        assert post(client, "/sales", about | wrong, status=422).json()["errors"], wrong
    post(client, "/undo", {"undo": made["Undo"]})
    assert sold() == set()

    post(client, "/sales", about | {"invoices": [one]}, status=201)
    post(client, "/sales", about | {"everything": True}, status=201)
    assert sold() == {one, two}
    post(client, f"/customers/{ours.customer.pk}/buy-back", {"invoices": [one]}, status=422)
    ended = post(client, f"/customers/{ours.customer.pk}/buy-back", {})
    assert (len(ended.json()), sold()) == (2, set())
    assert "Nothing" in post(client, f"/customers/{ours.customer.pk}/buy-back", {}, status=409).json()["detail"]
    post(client, "/sales", about | {"invoices": [two]}, status=201)
    post(client, "/undo", {"undo": ended["Undo"]})
    assert sold() == {one, two}
    assert Sale.objects.filter(customer=ours.customer, until=None).count() == 3, "what was sold anew is not sold twice"
    assert {each["invoice"] for each in client.get("/api/sales", {"running": "true"}).json()["items"]} == {
        one,
        two,
        None,
    }

    collector = api_rows.caller(api_rows.token(rows.colleague("camille", ours.creditor, Role.COLLECTOR)))
    post(collector, "/sales", about | {"invoices": [two]}, status=403)
    Creditor.objects.update(policy={})
    post(client, f"/customers/{ours.customer.pk}/buy-back", {})
    assert "no factor" in post(client, "/sales", about | {"invoices": [two]}, status=409).json()["detail"]


def test_two_records_are_made_one_by_who_may_do_so_with_both(ours: House, client: Client) -> None:
    double = rows.customer(ours.creditor, "Anna once more")
    bill = rows.invoice(double, 5_000, late=9)
    theirs = rows.customer(rows.creditor("theirs"), "Anna")
    path = f"/customers/{ours.customer.pk}/absorb"
    post(client, path, {"absorb": double.pk, "meant": False}, status=422)
    post(client, path, {"absorb": theirs.pk, "meant": True}, status=404)
    assert "into itself" in post(client, path, {"absorb": ours.customer.pk, "meant": True}, status=409).json()["detail"]
    both = rows.colleague("both", ours.creditor)
    both.scopes.create(role=Role.COLLECTOR, creditor_ref=theirs.creditor_id)
    post(api_rows.caller(api_rows.token(both)), path, {"absorb": theirs.pk, "meant": True}, status=403)

    kept = [post(client, path, {"absorb": double.pk, "meant": True}, key="k").json()["id"] for _turn in range(2)]
    assert kept == [ours.customer.pk] * 2
    bill.refresh_from_db()
    assert bill.customer_id == ours.customer.pk
    told = AuditEntry.objects.get(act="customer.merged")
    assert (told.user, told.detail["absorbed"]) == (ours.manager, double.pk)
    note = post(client, "/notes", {"customer": double.pk, "text": "Too late."}, status=409).json()["detail"]
    assert str(ours.customer.pk) in note, "a record that was made one with another only leads there"


def test_segments_are_looked_at_before_they_are_kept(ours: House, client: Client) -> None:
    rules = [
        {"key": "late", "label": {"fr": "En retard", "en": "Late"}, "when": "overdue > 0"},
        {"key": "rest", "label": {"fr": "Les autres", "en": "The others"}},
    ]
    found = post(client, "/segment-previews", {"creditor": ours.creditor.pk, "segments": rules}).json()
    late, rest, nobody = found["matches"]
    assert (late["key"], late["customers"], late["alone"], rest["customers"]) == ("late", 1, 1, 0)
    assert late["overdue_minor"]["EUR"] > 0
    assert (found["moved"], found["moves"][0]["target"], nobody["key"]) == (1, "late", "")
    assert SegmentSet.objects.filter(creditor=ours.creditor).count() == 1
    rules[0]["when"] = "colour = 'red'"
    wrong = post(client, "/segment-previews", {"creditor": ours.creditor.pk, "segments": rules}, status=422).json()
    assert wrong["errors"][0]["field"] == "body.segments.0"


def test_late_payment_is_tried_out_then_chosen_and_no_day_is_ruled_twice(ours: House, client: Client) -> None:
    Customer.objects.update(kind=CustomerKind.BUSINESS)
    ours.customer.waivers.all().delete()
    rows.invoice(ours.customer, 1_000_000, late=40)
    path = f"/creditors/{ours.creditor.pk}/late-payment"
    rule: dict[str, Any] = {
        "since": (clock.today() - timedelta(days=60)).isoformat(),
        "choices": {"business": {"interest": "claim", "indemnity": "claim", "percent": "15"}},
    }
    [euros] = post(client, f"{path}-preview", rule).json()["sums"]
    assert (euros["currency"], euros["indemnity_minor"] >= 4_000, euros["interest_minor"] > 10_000) == (
        "EUR",
        True,
        True,
    )
    assert client.get(f"/api{path}").json() == choose.rules(Creditor.objects.get(pk=ours.creditor.pk).policy) == []
    refused = rule | {"choices": {"consumer": {"indemnity": "claim"}}}
    assert "no fixed indemnity" in post(client, f"{path}-preview", refused, status=409).json()["detail"]

    def choose_it(body: Any, status: int) -> Any:
        tag = client.get(f"/api{path}")["ETag"]
        answer = client.put(f"/api{path}", json.dumps(body), content_type="application/json", headers={"if-match": tag})
        assert answer.status_code == status, answer.content
        return answer.json()

    [kept] = choose_it(rule, 200)
    assert (kept["since"], kept["choices"]["business"]["percent"]) == (rule["since"], "15")
    earlier = rule | {"since": (clock.today() - timedelta(days=30)).isoformat()}
    assert "Only the first choice" in choose_it(earlier, 409)["detail"]
    assert choose_it(refused, 409)["detail"]
    assert len(client.get(f"/api{path}").json()) == 1


def test_one_figure_in_parts_for_whom_it_may_be(ours: House, client: Client) -> None:
    for _n in range(2):
        rows.message(ours.customer, state="sent", sent_at=clock.now() - timedelta(days=2))
    julie = rows.colleague("julie", ours.creditor, Role.COLLECTOR)
    rows.task(ours.customer, done_at=clock.now() - timedelta(days=2), done_by=julie, outcome="refused")
    asked: dict[str, Any] = {"creditor": ours.creditor.pk}
    assert "Nothing was measured yet" in client.get("/api/kpis/recovery_rate", asked).json()["detail"]
    rows.measured()

    items = {each["key"]: each for each in client.get("/api/kpis", asked).json()["items"]}
    key = "answer_rate"
    assert "collector" in items[key]["dimensions"]
    assert items["dso"]["formula"]
    told = client.get(f"/api/kpis/{key}", asked | {"by": ["collector", "segment"]}).json()
    part = next(each for each in told["parts"] if each["by"][0]["value"] == julie.pk)
    assert (part["by"][0]["name"].lower(), told["by"]) == ("julie", ["collector", "segment"])
    only = client.get(f"/api/kpis/{key}", asked | {"where": [f"collector:{julie.pk}"]}).json()
    assert only["total"]["numerator"] == sum(
        each["numerator"] for each in told["parts"] if each["by"][0]["value"] == julie.pk
    )
    for wrong, status in (
        ({"by": ["colour"]}, 409), ({"by": ["collector"] * 4}, 422), ({"where": ["collector:x"]}, 422),
        ({"since": "2001-01-01"}, 422), ({"creditor": rows.creditor("theirs").pk}, 404),
    ):  # fmt: skip
        assert client.get(f"/api/kpis/{key}", asked | wrong).status_code == status, wrong
    assert client.get("/api/kpis/nonsense", asked).status_code == 404

    auditor = api_rows.caller(api_rows.token(rows.colleague("audrey", ours.creditor, Role.AUDITOR)))
    seen = {each["key"]: each["dimensions"] for each in auditor.get("/api/kpis", asked).json()["items"]}
    assert "collector" not in seen[key]
    assert auditor.get(f"/api/kpis/{key}", asked | {"by": ["segment"]}).status_code == 200
    for part_of in ({"by": ["collector"]}, {"where": [f"collector:{julie.pk}"]}):
        assert auditor.get(f"/api/kpis/{key}", asked | part_of).status_code == 403
