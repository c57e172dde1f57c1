"""What the desk does by pages of its own, by API: the round of calls, the files that came or went, what would be."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from amiable.core.models import Role
from amiable.ledger import choose
from amiable.ledger.models import Customer, CustomerKind
from amiable.outreach.models import Letter, Reply
from amiable.web.ui import clock
from tests.web import api_rows
from tests.web import desk_rows as rows
from tests.web.api_rows import House

pytestmark = pytest.mark.django_db
TEN = datetime(2026, 3, 11, 9, tzinfo=UTC)  # a Wednesday, an hour for calls


def post(client: Client, path: str, body: Any = None, *, status: int = 200) -> Any:
    answer = client.post(f"/api{path}", json.dumps(body or {}), content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def test_two_colleagues_never_ring_the_same_customer() -> None:
    with clock.told_by(lambda: TEN):
        house = rows.creditor("ours")
        anna, bela = (rows.customer(house, name) for name in ("Anna", "Bela"))
        calls = [rows.task(who, rank=place) for place, who in enumerate((anna, bela))]
        people = [rows.colleague(name, house, Role.COLLECTOR) for name in ("camille", "boris")]
        camille, boris = (api_rows.caller(api_rows.token(each, hours=24)) for each in people)
        first = post(camille, "/calls/next")["task"]
        second = post(boris, "/calls/next")["task"]
        assert {first["id"], second["id"]} == {row.pk for row in calls}
        assert "busy" in post(boris, f"/tasks/{first['id']}/take", status=409)["detail"]
        assert "busy" in post(boris, f"/tasks/{first['id']}/outcome", {"outcome": "voicemail"}, status=409)["detail"]
        post(camille, f"/tasks/{first['id']}/outcome", {"outcome": "voicemail"})
        post(camille, "/calls/let-go")
        nobody = post(camille, "/calls/next", {"skip": [second["id"]]})
        assert (nobody["task"], nobody["said"]) == (None, "Nobody more to call now.")
        post(boris, "/calls/let-go")
        assert post(camille, f"/tasks/{second['id']}/take")["id"] == second["id"]
        auditor = api_rows.caller(api_rows.token(rows.colleague("audrey", house, Role.AUDITOR)))
        post(auditor, "/calls/next", status=403)
    with clock.told_by(lambda: TEN + timedelta(hours=13)):
        assert "no hour for calls" in post(boris, "/calls/next")["said"]


def test_files_are_had_as_they_came_and_went(ours: House, client: Client) -> None:
    came = client.get(f"/api/replies/{ours.rows['replies']}/files/0")
    assert (came.getvalue(), came["Content-Security-Policy"]) == (b"words", "sandbox")
    assert client.get(f"/api/replies/{ours.rows['replies']}/files/1").status_code == 404
    stray = Reply.objects.get(pk=ours.rows["replies"])
    Reply.objects.filter(pk=stray.pk).update(customer=rows.customer(rows.creditor("theirs"), "Zoe"))
    Reply.objects.filter(pk=stray.pk).update(creditor=None)
    assert client.get(f"/api/replies/{stray.pk}/files/0").status_code == 404
    paper = client.get(f"/api/reports/{ours.rows['reports']}/paper")
    assert (paper.status_code, paper.getvalue()[:4]) == (200, b"%PDF")
    batch = f"/api/letter-batches/{ours.rows['letter-batches']}"
    before = client.get(batch).json()["prints"]
    lost = client.post(f"{batch}/paper", "", content_type="application/json")
    assert (lost.status_code, "cannot be printed" in lost.json()["detail"]) == (409, True)
    assert client.get(batch).json()["prints"] == before, "nothing was printed"
    Letter.objects.update(data={"subject": "as it was written"})
    taken = client.post(f"{batch}/paper", "", content_type="application/json")
    assert (taken.status_code, taken["Content-Type"]) == (200, "application/pdf")
    assert client.get(batch).json()["prints"] == before + 1, "each time counts"


def test_two_scenarios_stand_side_by_side(ours: House, client: Client) -> None:
    path = f"/api/creditors/{ours.creditor.pk}/simulation"
    found = client.get(path, {"days": 30}).json()
    assert (found["days"], found["currency"], found["customers"]) == (30, "EUR", 1)
    assert found["ranking"]["sentence"]
    assert all(isinstance(step["difference_minor"], int) for step in found["sweep"])
    wrong = client.get(path, {"against": "nonsense"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "query.against")
    assert client.get(path, {"days": 31}).status_code == 422
    empty = rows.creditor("empty")
    lonely = api_rows.caller(api_rows.token(rows.colleague("eve", empty)))
    assert lonely.get(f"/api/creditors/{empty.pk}/simulation").json()["customers"] == 0
    assert lonely.get(path).status_code == 404


def test_what_late_payment_costs_is_told_by_invoice(ours: House, client: Client) -> None:
    Customer.objects.update(kind=CustomerKind.BUSINESS)
    claims = {CustomerKind.BUSINESS.value: choose.Choice(interest="claim", indemnity="claim")}
    choose.choose(
        creditor=ours.creditor, rule=choose.Rule(clock.today() - timedelta(days=60), choices=claims),
        as_of=clock.today(), now=clock.now(), by=ours.manager,
    )  # fmt: skip
    late = rows.invoice(ours.customer, 1_000_000, late=40)
    found = client.get(f"/api/customers/{ours.customer.pk}/late-payment").json()
    told = next(each for each in found if each["invoice"] == late.pk)
    assert (told["running_minor"], told["waived_minor"] > 4_000) == (0, True), "the house has let them off"
    ours.customer.waivers.all().delete()
    found = client.get(f"/api/customers/{ours.customer.pk}/late-payment").json()
    told = next(each for each in found if each["invoice"] == late.pk)
    assert (told["running_minor"] > 4_000, told["waived_minor"]) == (True, 0), "the indemnity and some interest"
    assert date.fromisoformat(told["pieces"][0]["since"]) <= clock.today()
    other = rows.customer(ours.creditor, "Nobody late")
    assert client.get(f"/api/customers/{other.pk}/late-payment").json() == []
