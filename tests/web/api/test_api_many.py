"""Many tasks at once by API: each that was named is told of, what is taken back needs the right that the act needed, the way
back fits into a header, and the document names every operation that has one.
"""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client

from amiable.casework.models import Task, TaskKind
from amiable.core.models import Role, Scope
from amiable.ledger.models import Sale
from amiable.scenario import approve
from amiable.web.api import api, document
from amiable.web.api.room import UNDOABLE
from amiable.web.desk import approvals, deed, moves
from amiable.web.ui import clock
from tests.web import desk_rows as rows
from tests.web.api_rows import House

pytestmark = pytest.mark.django_db


def post(client: Client, path: str, body: Any, *, status: int = 200) -> Any:
    answer = client.post(f"/api{path}", json.dumps(body), content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer


def seen_now(client: Client, step: Task) -> dict[str, str]:
    """A row that waits for a word, with the print that it was shown with."""
    found = next(each for each in client.get("/api/approvals").json() if each["row"] == f"task-{step.pk}")
    return {name: found[name] for name in ("row", "print")}


def test_each_task_that_was_named_is_told_of(ours: House, client: Client) -> None:
    ours.manager.scopes.update(role=Role.MANAGER)
    read_only = rows.customer(rows.creditor("read"), "Rita")
    ours.manager.scopes.create(role=Role.AUDITOR, creditor_ref=read_only.creditor_id)
    forbidden, stranger = rows.task(read_only), rows.task(rows.customer(rows.creditor("theirs"), "Zoe"))
    body = ours.bodies["snooze_tasks"]
    named = [ours.rows["tasks"], forbidden.pk, stranger.pk, 10**12]
    told = post(client, "/task-moves/snooze", body | {"tasks": named}).json()
    assert told["done"] == [f"task-{ours.rows['tasks']}"]
    why = {each["row"]: each["why"] for each in told["left"]}
    assert set(why) == {f"task-{pk}" for pk in named[1:]}
    assert why[f"task-{stranger.pk}"] == why[f"task-{10**12}"], "not even existence is told"
    assert "role" in why[f"task-{forbidden.pk}"]
    too_many = post(client, "/task-moves/snooze", body | {"tasks": list(range(1, moves.MOST + 2))}, status=422)
    assert too_many.json()["errors"][0]["field"] == "body.tasks"
    steps = rows.task(ours.customer, TaskKind.MANUAL)
    seen = [seen_now(client, steps), {"row": f"task-{stranger.pk}", "print": "x"}]
    answered = post(client, "/approvals/answer", {"rows": seen, "yes": False, "reason": "a doubt"}).json()
    assert (answered["done"], [each["row"] for each in answered["left"]]) == ([seen[0]["row"]], [seen[1]["row"]])


@pytest.mark.parametrize("at", ["api", "desk"])
def test_who_may_not_act_any_more_takes_nothing_back(ours: House, client: Client, at: str) -> None:
    step = rows.task(ours.customer, TaskKind.MANUAL)
    moved = post(client, "/task-moves/snooze", ours.bodies["snooze_tasks"])["Undo"]
    said = post(client, "/approvals/answer", {"rows": [seen_now(client, step)], "yes": False, "reason": "a doubt"})[
        "Undo"
    ]
    Scope.objects.filter(user=ours.manager).update(role=Role.AUDITOR)
    before = list(Task.objects.order_by("pk").values_list("pk", "due_on", "done_at"))
    desk = rows.desk(ours.manager)
    for undo, path in ((moved, "/tasks/move/undo/"), (said, "/approvals/undo/")):
        if at == "api":
            client.post("/api/undo", json.dumps({"undo": undo}), content_type="application/json")
        else:
            desk.post(path, {"undo": undo})
    assert list(Task.objects.order_by("pk").values_list("pk", "due_on", "done_at")) == before
    Scope.objects.filter(user=ours.manager).update(role=Role.MANAGER)
    for undo in (moved, said):
        post(client, "/undo", {"undo": undo})
    assert not Task.objects.get(pk=step.pk).done_at


def test_the_way_back_of_two_hundred_answers_fits_into_a_header(ours: House, client: Client) -> None:
    now = clock.now()
    about = {"creditor": ours.creditor, "customer": ours.customer, "kind": TaskKind.MANUAL, "due_on": clock.today()}
    made = Task.objects.bulk_create(
        Task(key=f"many:{n}", title="x", created_at=now, done_at=now, done_by=ours.manager, outcome="declined", **about)
        for n in range(200)
    )
    back = approvals.way_back(approve.Answered(done=list(made)), yes=False)
    assert back is not None
    sealed = deed.sealed(ours.manager, *back)
    assert len(sealed) < 4_000, "less than the smallest header that a proxy lets through"
    assert "200 rows wait again" in post(client, "/undo", {"undo": sealed}).json()["said"]
    assert Task.objects.filter(pk__in=[row.pk for row in made], done_at=None).count() == 200


def test_every_operation_that_can_be_taken_back_says_how(ours: House, client: Client) -> None:
    """The room itself refuses an Undo of an operation that the document does not name (room.py)."""
    rows.invoice(ours.customer, 4_000, late=5)
    step = rows.task(ours.customer, TaskKind.MANUAL)
    Sale.objects.create(customer=ours.customer, since=clock.today(), created_at=clock.now())
    ours.customer.promises.all().delete()  # a newer one that stands alone can be taken back
    bodies = dict(ours.bodies)
    bodies["assign_tasks"] = {"tasks": [ours.rows["tasks"]], "to": ours.manager.pk}
    bodies["answer_approvals"] = {"rows": [seen_now(client, step)], "yes": False, "reason": "no"}
    written = document.operations(document.written(api.api))
    silent = set()
    for path, _method, told in written:
        name = told["operationId"]
        good = next(each for status, each in told["responses"].items() if status.startswith("2"))
        assert ("Undo" in good.get("headers", {})) == (name in UNDOABLE), name
        if name not in UNDOABLE:
            continue
        address = path.replace("{pk}", str(ours.rows.get(path.split("/")[2], 0)))
        with transaction.atomic():
            if name == "write_note_with_files":
                files = {"customer": ours.customer.pk, "files": SimpleUploadedFile("x.txt", b"words")}
                answer = client.post(address, files)
            else:
                answer = client.post(address, json.dumps(bodies.get(name, {})), content_type="application/json")
            transaction.set_rollback(True)
        assert answer.status_code in (200, 201), (name, answer.content)
        if "Undo" not in answer:
            silent.add(name)
    assert silent == set()
