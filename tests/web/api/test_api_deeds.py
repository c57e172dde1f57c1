"""What the API changes about people, addresses and houses goes by the desk's own verbs, and is taken back by who did it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from amiable.casework.models import Dispute, Note, NoteFile, Placement
from amiable.core.models import AuditEntry, Invitation, Role
from amiable.ledger.models import Creditor
from amiable.outreach.models import Message
from amiable.web.ui import clock
from tests.web import api_rows
from tests.web import desk_rows as rows
from tests.web.api_rows import House
from tests.web.entered import PASSWORD

pytestmark = pytest.mark.django_db


def post(client: Client, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
    return _sent(
        client.post(f"/api{path}", json.dumps(body or {}), content_type="application/json", headers=headers), status
    )


def put(client: Client, path: str, body: Any) -> Any:
    tag = client.get(f"/api{path}")["ETag"]
    answer = client.put(f"/api{path}", json.dumps(body), content_type="application/json", headers={"if-match": tag})
    return _sent(answer, 200)


def _sent(answer: Any, status: int) -> Any:
    assert answer.status_code == status, answer.content
    return answer


def test_a_hold_is_taken_back_once_by_who_placed_it_with_the_right_to_hold(ours: House, client: Client) -> None:
    body = ours.bodies["place_hold"]
    placed = post(client, "/holds", body, status=201, **{"idempotency-key": "k1"})
    again = post(client, "/holds", body, status=201, **{"idempotency-key": "k1"})
    assert again["Undo"] == placed["Undo"], "what is repeated can be taken back too"
    undo = {"undo": placed["Undo"]}
    other = api_rows.caller(api_rows.token(rows.colleague("otto", ours.creditor)))
    assert "Only who did it" in post(other, "/undo", undo, status=409).json()["detail"]
    narrow = api_rows.caller(api_rows.token(ours.manager, acts=["talk"]))
    post(narrow, "/undo", undo, status=403)
    assert "Undone" in post(client, "/undo", undo).json()["said"]
    post(client, "/undo", undo)
    assert AuditEntry.objects.filter(act="desk.hold.undone").count() == 1
    held = client.get(f"/api/holds/{placed.json()['id']}").json()
    assert held["until"] == clock.today().isoformat()
    post(client, "/undo", {"undo": placed["Undo"][:-2] + "xx"}, status=409)


def test_a_token_is_not_told_what_another_one_was_answered(ours: House, client: Client) -> None:
    body = ours.bodies["write_note"]
    post(client, "/notes", body, status=201, **{"idempotency-key": "same"})
    narrow = api_rows.caller(api_rows.token(ours.manager, acts=[]))
    post(narrow, "/notes", body, status=409, **{"idempotency-key": "same"})


def test_a_field_is_named_as_it_was_sent(client: Client) -> None:
    assert client.get("/api/customers?limit=0").json()["errors"][0]["field"] == "query.limit"


def test_a_contact_is_corrected_and_what_is_not_named_stays(ours: House, client: Client) -> None:
    contact = client.get(f"/api/contacts/{ours.rows['contacts']}").json()
    mail = next(point for point in contact["points"] if point["medium"] == "email")
    body = {"points": [{"id": mail["id"], "value": "new@client.example"}]}
    answer = post(client, f"/contacts/{contact['id']}/correct", body)
    kept = answer.json()
    assert kept["name"] == contact["name"]
    assert "new@client.example" in [point["value"] for point in kept["points"]]
    assert [p for p in kept["points"] if p["id"] != mail["id"]] == [
        p for p in contact["points"] if p["id"] != mail["id"]
    ]
    post(client, "/undo", {"undo": answer["Undo"]})
    assert client.get(f"/api/contacts/{contact['id']}").json() == contact
    wrong = post(client, f"/contacts/{contact['id']}/correct", {"email": "no address"}, status=409)
    assert wrong.json()["detail"]
    assert AuditEntry.objects.filter(act="customer.viewed", subject_ref=ours.customer.pk).exists()


def test_a_note_keeps_its_files_and_refuses_what_nobody_would_open(ours: House, client: Client) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile as File

    def sent(name: str, content: bytes) -> Any:
        about = {"customer": ours.customer.pk, "text": "See @nobody", "files": File(name, content)}
        return client.post("/api/note-uploads", about)

    kept = sent("proof.txt", b"Signed.")
    assert kept.status_code == 201, kept.content
    [file] = kept.json()["files"]
    answer = client.get(f"/api/note-files/{file['id']}")
    assert (answer.getvalue(), answer["Content-Security-Policy"]) == (b"Signed.", "sandbox")
    before = Note.objects.count(), NoteFile.objects.count()
    assert sent("virus.exe", b"MZ").status_code == 422
    assert sent("page.pdf", b"<html>").status_code == 422
    assert (Note.objects.count(), NoteFile.objects.count()) == before


def test_a_dispute_goes_through_its_steps(ours: House, client: Client) -> None:
    found = Dispute.objects.get(customer=ours.customer)
    found.steps = [{"text": "ask"}]
    found.save()
    soon = (clock.today() + timedelta(days=3)).isoformat()
    assert "done_at" in post(client, f"/disputes/{found.pk}/steps", {"step": 0}).json()["steps"][0]
    assert post(client, f"/disputes/{found.pk}/deadline", {"due_on": soon}).json()["due_on"] == soon
    assert post(client, f"/disputes/{found.pk}/credit-note", {"amount_minor": 900}).json()["expected_minor"] == 900
    post(client, f"/disputes/{found.pk}/messages", {"words": "We look at it."})
    assert Message.objects.filter(purpose="dispute_message", customer=ours.customer).count() == 1
    post(client, f"/disputes/{found.pk}/owner", {"owner": rows.colleague("far", rows.creditor("far")).pk}, status=404)
    post(client, f"/disputes/{found.pk}/steps", {"step": 99}, status=409)


def test_rules_are_chosen_within_the_law_and_nobody_is_overwritten(ours: House, client: Client) -> None:
    path = f"/creditors/{ours.creditor.pk}/rules"
    told = put(client, path, {"values": {"terms_days": 45, "small_balance": 150}}).json()
    values = {each["name"]: each["value"] for each in told}
    assert (values["terms_days"], values["small_balance"]) == (45, 150)
    assert Creditor.objects.get(pk=ours.creditor.pk).policy["small_balance_minor"] == 150
    told = put(client, path, {"values": {"small_balance": None}}).json()
    assert {each["name"]: each["value"] for each in told}["terms_days"] == 45, "what is not named stays"
    tag = client.get(f"/api{path}")["ETag"]
    for body, status in (({"values": {"contacts_per_7_days": 10_000}}, 422), ({"values": {"nonsense": 1}}, 422)):
        answer = client.put(f"/api{path}", json.dumps(body), content_type="application/json", headers={"if-match": tag})
        assert answer.status_code == status
        assert answer.json()["errors"][0]["field"].startswith("body.values.")
    put(client, f"/creditors/{ours.creditor.pk}/escalations", {"rules": []})
    stale = client.put(f"/api{path}", '{"values": {}}', content_type="application/json", headers={"if-match": '"old"'})
    assert stale.status_code == 412


def test_texts_are_kept_and_approved_by_a_second_person(ours: House, client: Client) -> None:
    place = ours.bodies["go_back_to_house_text"]
    speaks = client.get("/api/spoken-text", place).json()
    looked = post(client, "/text-previews", place | {"text": speaks["text"]}).json()
    assert looked["text"]
    assert post(client, "/text-previews", place | {"text": "{{ nonsense }}"}, status=422).json()["errors"]
    draft = post(client, "/texts", place | {"text": speaks["text"], "after": 0}, status=201).json()
    assert (
        "Meanwhile" in post(client, "/texts", place | {"text": speaks["text"], "after": 0}, status=409).json()["detail"]
    )
    post(client, f"/texts/{draft['id']}/approve", status=409)
    second = api_rows.caller(api_rows.token(rows.colleague("second", ours.creditor)))
    assert post(second, f"/texts/{draft['id']}/approve").json()["approved_by"]
    assert client.get("/api/spoken-text", place).json()["version"] == draft["version"]
    assert post(client, "/house-texts", place).json()["count"] == 1


def test_people_are_asked_in_and_let_go_never_beyond_ones_own(ours: House, client: Client) -> None:
    invited = post(client, "/invitations", ours.bodies["invite"] | {"email": "New@House.example"}, status=201).json()
    assert "/invited/" in invited["link"]
    role = {"creditor": ours.creditor.pk, "role": "agency"}
    wrong = post(client, "/invitations", role | {"email": "a@b.example"}, status=422).json()
    assert wrong["errors"][0]["field"] == "body.agency"
    made = post(client, "/invitations", role | {"email": "a@b.example", "agency": "Recouvra"}, status=201).json()
    assert Invitation.objects.get(pk=made["invitation"]["id"]).agency == "Recouvra"
    post(client, f"/invitations/{made['invitation']['id']}/withdraw")
    more = {"creditor": ours.creditor.pk, "role": "admin", "user": ours.manager.pk}
    assert post(client, "/scopes", more, status=422).json()["errors"][0]["field"] in {"body.role", "body"}
    post(client, f"/scopes/{ours.rows['scopes']}/take")  # another manager stays: the stand-in
    assert client.get("/api/invitations").json()["items"] == [], "with the role its sight is gone"


def test_people_are_not_changed_by_an_old_session(ours: House) -> None:
    ours.manager.set_password(PASSWORD)
    ours.manager.save()
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(ours.manager)
    answer = post(browser, "/invitations", ours.bodies["invite"], status=403)
    assert "Confirm at the desk" in answer.json()["detail"]
    assert browser.post("/account/confirm/", {"password": PASSWORD}).status_code == 302
    post(browser, "/invitations", ours.bodies["invite"], status=201)


def test_an_agency_sees_by_the_api_what_is_placed_with_it_alone(ours: House) -> None:
    agent = rows.colleague("agent", ours.creditor, Role.AGENCY)
    agent.scopes.update(agency="Recouvra")
    client = api_rows.caller(api_rows.token(agent))
    lists = ("placements", "contacts", "invoices", "disputes", "consents", "invoice-copies")
    never = (
        "customers", "profiles", "scores", "memberships", "notes", "messages", "replies", "words", "tasks", "credits",
        "waivers", "sales", "holds", "cases", "plans", "attempts", "chains", "decisions", "survey-answers",
    )  # fmt: skip
    for name in lists + never:
        assert client.get(f"/api/{name}").json()["items"] == [], name
    case = ours.customer.cases.get()
    placed = Placement.objects.create(case=case, agency="Recouvra", placed_at=clock.now())
    Placement.objects.create(case=rows.case(rows.full(ours.creditor, "Boris")), agency="Other", placed_at=clock.now())
    for name in lists:
        found = client.get(f"/api/{name}").json()["items"]
        assert found, name
        assert "Boris" not in json.dumps(found), name
    for name in never:
        assert client.get(f"/api/{name}").json()["items"] == [], name
    for path in ("", "/next-steps", "/expected"):
        assert client.get(f"/api/customers/{ours.customer.pk}{path}").status_code == 404, path
    told = {each["kind"] for each in client.get(f"/api/customers/{ours.customer.pk}/timeline").json()["items"]}
    assert {"invoice", "placement"} <= told
    assert told <= {"invoice", "allocation", "entry", "promise", "dispute", "note", "placement"}
    for name in ("creditors", "responsibilities", "hand-overs", "texts", "figures", "runs", "invitations"):
        assert client.get(f"/api/{name}").json()["items"] == [], name
    written = post(client, "/notes", ours.bodies["write_note"], status=201).json()
    assert [each["id"] for each in client.get("/api/notes").json()["items"]] == [written["id"]]
    post(client, "/holds", ours.bodies["place_hold"], status=403)
    placed.recalled_at = clock.now()
    placed.save()
    assert client.get(f"/api/customers/{ours.customer.pk}/timeline").status_code == 404


def test_tasks_move_together_and_are_put_back(ours: House, client: Client) -> None:
    moved = post(client, "/task-moves/snooze", ours.bodies["snooze_tasks"])
    assert moved.json()["done"] == [f"task-{ours.rows['tasks']}"]
    day = client.get(f"/api/tasks/{ours.rows['tasks']}").json()["due_on"]
    post(client, "/undo", {"undo": moved["Undo"]})
    assert client.get(f"/api/tasks/{ours.rows['tasks']}").json()["due_on"] != day
    auditor = api_rows.caller(api_rows.token(rows.colleague("audrey", ours.creditor, Role.AUDITOR)))
    post(auditor, "/task-moves/snooze", ours.bodies["snooze_tasks"], status=403)


def test_a_call_back_is_agreed_on_the_customers_clock(ours: House, client: Client) -> None:
    call = post(client, "/calls", {"customer": ours.customer.pk}, status=201).json()
    assert call["kind"] == "call"
    late = {"outcome": "call_back", "call_back": {"on": (clock.today() + timedelta(days=200)).isoformat()}}
    assert (
        post(client, f"/tasks/{call['id']}/outcome", late, status=422).json()["errors"][0]["field"]
        == "body.call_back.on"
    )
    soon = (clock.today() + timedelta(days=5)).isoformat()
    body = {"outcome": "call_back", "call_back": {"on": soon, "at": "10:30"}}
    post(client, f"/tasks/{call['id']}/outcome", body)
    assert ours.customer.tasks.filter(kind="call", done_at=None, due_on=soon).exists()


def test_a_view_is_kept_shared_opened_and_dropped_by_its_owner(ours: House, client: Client) -> None:
    view = post(client, "/views", ours.bodies["keep_view"], status=201).json()
    other = api_rows.caller(api_rows.token(rows.colleague("otto", ours.creditor)))
    post(other, f"/views/{view['id']}/share", status=404)
    for _time in range(2):
        assert post(client, f"/views/{view['id']}/share").json()["shared"] is True
    assert view["id"] in [each["id"] for each in other.get("/api/views").json()["items"]]
    assert "opens with" in post(other, f"/views/{view['id']}/open-with").json()["said"]
    post(other, f"/views/{view['id']}/drop", status=404)
    post(client, f"/views/{view['id']}/drop")
    post(client, "/views", {"room": "customers", "name": "Empty", "query": "page=2"}, status=409)


def test_the_trail_is_read_page_by_page_by_those_who_may(ours: House, client: Client) -> None:
    client.get(f"/api/customers/{ours.customer.pk}")
    found = client.get("/api/audit-entries", {"act": "customer.viewed"}).json()
    assert [each["subject_ref"] for each in found["items"]] == [ours.customer.pk]
    collector = rows.colleague("cora", ours.creditor, Role.COLLECTOR)
    assert api_rows.caller(api_rows.token(collector)).get("/api/audit-entries").status_code == 403
    zoe = api_rows.caller(api_rows.token(rows.colleague("zoe", rows.creditor("theirs"))))
    assert zoe.get("/api/audit-entries", {"act": "customer.viewed"}).json()["items"] == []
    assert client.get("/api/audit-entries", {"cursor": "nonsense"}).json() == {"items": [], "next": None}
