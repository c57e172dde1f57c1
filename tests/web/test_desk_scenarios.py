"""The pages of scenarios: the journey, the editor as form and as text, previews, versions; who may look and who change."""

from html.parser import HTMLParser
from typing import Any

import pytest
import yaml
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from amiable.casework.models import Case
from amiable.core.models import Role
from amiable.ledger.models import Creditor
from amiable.scenario import shelf
from amiable.scenario.models import Scenario
from amiable.web.desk import scenario_words as words
from amiable.web.desk.scenario_edit import read_form
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> Creditor:
    shelf.stock(now=clock.now())
    return rows.creditor("ours")


def house(key: str = "consumers") -> Scenario:
    return Scenario.objects.get(creditor=None, key=key)


def own(creditor: Creditor, **change: object) -> Scenario:
    return shelf.save(data={**house().data, **change}, creditor=creditor, now=clock.now())


def manager(creditor: Creditor) -> Client:
    return rows.desk(rows.colleague("vera", creditor, Role.MANAGER))


def form(scenario: Scenario, **change: str) -> dict[str, Any]:
    """What the editor's form posts for a version."""
    data = scenario.data
    filled: dict[str, Any] = {"key": data["key"], "applies": data["applies"], "count": str(len(data["steps"]))}
    filled |= {f"label_{language}": text for language, text in data["label"].items()}
    for n, step in enumerate(data["steps"]):
        filled |= {f"s{n}-{name}": value if isinstance(value, list) else str(value) for name, value in step.items()}
    return filled | change


def test_the_list_and_the_journey_show_steps_days_and_cases(ours: Creditor) -> None:
    anna = rows.customer(ours, "Anna")
    Case.objects.create(customer=anna, creditor=ours, currency="EUR", scenario_ref=house().pk, opened_on=clock.today())
    client = manager(ours)
    page = client.get(reverse("desk:scenarios")).content.decode()
    assert "−5" in page
    assert "+45" in page
    page = client.get(reverse("desk:scenario", args=[house().pk])).content.decode()
    assert page.index("−5") < page.index("am-due") < page.index("+4")
    assert "kind = &#x27;consumer&#x27;" in page  # the text below the journey


def test_what_the_form_holds_is_the_scenario(ours: Creditor) -> None:
    client = manager(ours)
    for base in (house("consumers"), house("businesses")):
        address = reverse("desk:scenario_edit", args=[base.pk])
        answer = client.post(address, form(base, creditor=str(ours.pk), act="save"))
        assert answer.status_code == 302
        kept = Scenario.objects.get(creditor=ours, key=base.key)
        assert kept.data == base.data
        assert (kept.version, kept.state, kept.made_by.username) == (1, "draft", "vera")  # type: ignore[union-attr]


def test_two_people_on_one_draft_lose_nothing(ours: Creditor) -> None:
    client = manager(ours)
    draft = own(ours)
    address = reverse("desk:scenario_edit", args=[draft.pk])
    seen = client.get(address).context["seen"]
    mine, theirs = form(draft, act="save", seen=seen), form(draft, act="save", seen=seen)
    assert client.post(address, theirs).status_code == 302
    told = client.post(address, mine, follow=True).content.decode()
    assert "version 1 meanwhile" in told
    assert list(Scenario.objects.filter(creditor=ours).order_by("version").values_list("version", "state")) == [
        (1, "draft"), (2, "draft"),
    ]  # fmt: skip
    assert Scenario.objects.count() == len(Scenario.objects.values("creditor", "key", "version").distinct())


def test_the_form_becomes_text_and_the_text_a_form_without_loss(ours: Creditor) -> None:
    client, base = manager(ours), house()
    address = reverse("desk:scenario_edit", args=[base.pk])
    page = client.post(address, form(base, creditor=str(ours.pk), act="text"))
    assert yaml.safe_load(page.context["text"]) == base.data
    back = client.post(address, {"creditor": str(ours.pk), "text": page.context["text"], "act": "form"})
    assert back.context["data"] == base.data
    assert not back.context["as_text"]
    assert (
        client.post(address, {"creditor": str(ours.pk), "text": page.context["text"], "act": "save"}).status_code == 302
    )
    assert Scenario.objects.get(creditor=ours).data == base.data


def test_steps_are_added_moved_and_removed(ours: Creditor) -> None:
    client, base = manager(ours), house()
    address = reverse("desk:scenario_edit", args=[base.pk])

    def after(act: str) -> list[tuple[str, int]]:
        page = client.post(address, form(base, creditor=str(ours.pk), act=act))
        return [(step["key"], step["level"]) for step in page.context["data"]["steps"]]

    keys = [(step["key"], step["level"]) for step in base.data["steps"]]
    assert after("look") == keys
    assert after("remove:0") == keys[1:]
    assert after("up:1")[:2] == [(keys[1][0], 10), (keys[0][0], 20)]
    assert after("down:0") == after("up:1")
    assert after("up:0") == keys
    assert after("add:5")[-1] == ("step_1", 60)
    assert after("add:1")[1] == ("step_1", 15)
    assert after("add:0")[0] == ("step_1", 5)
    assert Scenario.objects.filter(creditor=ours).count() == 0  # nothing is kept by looking


def test_what_is_wrong_is_said_beside_the_step_and_nothing_is_kept(ours: Creditor) -> None:
    client, base = manager(ours), house()
    address = reverse("desk:scenario_edit", args=[base.pk])
    for change, sentence in (
        ({"s4-days": "800"}, "time-barred"),
        ({"s1-if": "overdu > 5"}, "overdue"),
        ({"s1-if": "overdue > 5 AND overdue < 3"}, "never comes"),
        ({"s1-days": "soon"}, "not a number"),
        ({"count": "0"}, "no steps"),
    ):
        answer = client.post(address, form(base, creditor=str(ours.pk), act="save") | change)
        assert answer.status_code == 422
        assert any(sentence in each.sentence for each in answer.context["findings"]), sentence
        assert answer.context["data"]["steps"] == [] or "s0-days" in answer.content.decode()
    wrong = client.post(address, {"creditor": str(ours.pk), "text": "key: [", "act": "save"})
    assert wrong.status_code == 422
    assert "key: [" in wrong.content.decode()
    assert not Scenario.objects.filter(creditor=ours).exists()


@pytest.mark.parametrize("act", ["look", "save", "form", "add:0", "up:1", "remove:0"])
@pytest.mark.parametrize(
    "text",
    [
        "key: a\nsteps: [1, null]",
        "1: 2\nsteps: [{2: 3}]",
        "key: [a]\nlabel: [1]\nsteps: x",
        "key: a\nsteps: [{key: a, level: [1], days: true, channel: {a: 1}, tone: [1], until: x}]",
        'key: a\nlabel: {fr: "\\0"}\nsteps: []',
    ],
)
def test_a_text_of_any_shape_is_answered_with_a_sentence(ours: Creditor, text: str, act: str) -> None:
    address = reverse("desk:scenario_edit", args=[house().pk])
    answer = manager(ours).post(address, {"creditor": str(ours.pk), "text": text, "act": act})
    assert answer.status_code in (200, 422)
    assert answer.context["findings"]
    assert not Scenario.objects.filter(creditor=ours).exists()


def test_a_draft_is_activated_retired_and_its_cases_move(ours: Creditor) -> None:
    client = manager(ours)
    anna = rows.customer(ours, "Anna")
    case = Case.objects.create(
        customer=anna, creditor=ours, currency="EUR", scenario_ref=house().pk, opened_on=clock.today()
    )
    draft = own(ours)
    assert client.post(reverse("desk:scenario_activate", args=[draft.pk])).status_code == 302
    draft.refresh_from_db()
    assert draft.state == "active"
    assert client.get(reverse("desk:scenario", args=[house().pk])).context["moves"] == [(draft, 1)]
    assert client.post(reverse("desk:scenario_migrate", args=[house().pk, draft.pk])).status_code == 302
    case.refresh_from_db()
    assert case.scenario_ref == draft.pk
    client.post(reverse("desk:scenario_retire", args=[draft.pk]))
    draft.refresh_from_db()
    assert draft.state == "retired"


def test_a_draft_whose_check_finds_errors_by_now_is_not_activated(ours: Creditor) -> None:
    draft = own(ours)
    Scenario.objects.filter(pk=draft.pk).update(data={**draft.data, "steps": [{**draft.data["steps"][4], "days": 900}]})
    manager(ours).post(reverse("desk:scenario_activate", args=[draft.pk]))
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_two_versions_are_shown_side_by_side(ours: Creditor) -> None:
    client = manager(ours)
    own(ours)
    second = own(ours, steps=[{**house().data["steps"][1], "days": 6}])
    page = client.get(
        reverse("desk:scenario", args=[second.pk]), {"against": str(Scenario.objects.get(creditor=ours, version=1).pk)}
    )
    told = page.context["differences"]
    assert [each["kind"] for each in told] == ["removed"] * 4 + ["changed"]
    assert "+6" in told[-1]["after"]


def test_a_message_is_shown_for_a_real_customer_in_a_box(ours: Creditor) -> None:
    client = manager(ours)
    anna = rows.customer(ours, "Anna Lefèvre", kind="consumer", language="fr")
    rows.invoice(anna, 12_345, late=20)
    rows.counted()
    address = reverse("desk:scenario_message", args=[house().pk, "reminder_2"])
    page = client.get(address).content.decode()
    body = reverse("desk:scenario_body", args=[house().pk, "reminder_2", anna.pk])
    assert 'sandbox="" title=' in page
    assert body in page
    letter = client.get(body)
    assert "123,45" in letter.content.decode()
    assert "sandbox" in letter["Content-Security-Policy"]
    assert "<svg" in client.get(body, {"medium": "letter"}).content.decode()  # what the step falls back to
    assert client.get(reverse("desk:scenario_message", args=[house().pk, "nothing"])).status_code == 404
    assert not anna.messages.exists()


def test_a_message_is_offered_for_those_whom_the_scenario_is_for(ours: Creditor) -> None:
    shop, firm, small = (rows.customer(ours, name, kind=kind) for name, kind in (
        ("Anna", "consumer"), ("Boris SARL", "business"), ("Dora SARL", "business")
    ))  # fmt: skip
    for who, minor in ((shop, 90_000), (firm, 80_000), (small, 500)):
        rows.invoice(who, minor, late=20)
    rows.counted()
    client = manager(ours)

    def offered(applies: str) -> list[str]:
        scenario = own(ours, applies=applies)
        page = client.get(reverse("desk:scenario_message", args=[scenario.pk, "reminder_2"]))
        return [each.name for each in page.context["people"]]

    assert offered("NOT kind = 'consumer' AND overdue > 100") == ["Boris SARL"]
    assert offered("overdue < 10") == ["Dora SARL"]
    assert offered("segment <> 'nobody'") == ["Anna", "Boris SARL", "Dora SARL"]


def test_who_only_looks_sees_no_way_to_change_and_finds_none(ours: Creditor) -> None:
    draft = own(ours)
    client = rows.desk(rows.colleague("cleo", ours, Role.COLLECTOR))
    page = client.get(reverse("desk:scenario", args=[draft.pk]))
    assert page.status_code == 200
    for name in ("scenario_edit", "scenario_activate", "scenario_retire"):
        address = reverse(f"desk:{name}", args=[draft.pk])
        assert address not in page.content.decode(), name
        assert client.post(address, form(draft, act="save")).status_code == 404, name
    assert client.get(reverse("desk:scenario_edit", args=[draft.pk])).status_code == 404
    assert client.post(reverse("desk:scenario_migrate", args=[house().pk, draft.pk])).status_code == 404
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_the_houses_own_is_changed_by_who_sees_every_creditor(ours: Creditor) -> None:
    client = manager(ours)
    assert client.get(reverse("desk:scenario_edit", args=[house().pk])).status_code == 404
    assert client.get(reverse("desk:scenario_edit", args=[house().pk]), {"creditor": str(ours.pk)}).status_code == 200
    assert client.post(reverse("desk:scenario_retire", args=[house().pk])).status_code == 404
    theirs = rows.creditor("theirs")
    assert client.get(reverse("desk:scenario_edit", args=[house().pk]), {"creditor": str(theirs.pk)}).status_code == 404
    boss = rows.colleague("boss")
    boss.is_superuser = True
    boss.save()
    assert rows.desk(boss).get(reverse("desk:scenario_edit", args=[house().pk])).status_code == 200


def test_another_creditors_scenario_and_customers_do_not_exist(ours: Creditor) -> None:
    theirs = rows.creditor("theirs")
    draft, zoe = own(theirs), rows.customer(theirs, "Zoe", kind="consumer")
    rows.invoice(zoe, 5_000, late=20)
    rows.counted()
    client = manager(ours)
    for name in ("scenario", "scenario_edit"):
        assert client.get(reverse(f"desk:{name}", args=[draft.pk])).status_code == 404, name
    message = reverse("desk:scenario_message", args=[house().pk, "reminder_1"])
    assert "Zoe" not in client.get(message).content.decode()
    assert client.get(message, {"customer": str(zoe.pk)}).status_code == 404
    assert client.get(reverse("desk:scenario_body", args=[house().pk, "reminder_1", zoe.pk])).status_code == 404


def test_conditions_are_said_in_words() -> None:
    assert words.condition("") == ""
    assert words.condition("kind <> 'consumer'") == "all but: Consumer"
    told = words.condition("kind = 'business' AND late_share >= 0.3")
    assert told.startswith("Business and “")
    assert told.endswith("” ≥ 0.3")


BRANCHES = [
    {"key": "reminder_1", "level": 10, "days": 3, "from": "issue", "channel": "best", "fallback": ["call", "email"],
     "tone": "warm", "ends": ["promised", "disputed"], "tolerance": 2.5},
    {"key": "reminder_2", "level": 20, "days": 6, "from": "step", "until": 40, "on_day": 5, "answer": ["none", "opened"],
     "channel": "email", "tone": "neutral", "mode": "manual", "responsible": "sales"},
    {"key": "look", "level": 30, "days": 12, "answer": "replied", "action": "task", "title": {"fr": "Regarder", "en": "Look"},
     "responsible": "accountant", "minimum": 10},
    {"key": "rest", "level": 40, "days": 14, "action": "hold", "hold_days": 9, "reason": "Fêtes"},
    {"key": "higher", "level": 50, "days": 1, "from": "promise_broken", "until": 9, "action": "escalate"},
    {"key": "over", "level": 60, "days": 60, "action": "end", "if": "overdue < 50"},
]  # fmt: skip


class _Form(HTMLParser):
    """The fields of a page's editor with the values that a browser would post, folded away or not."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: dict[str, list[str]] = {}
        self.inside, self.select = False, ""
        self.options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if tag == "form":
            self.inside = has.get("id") == "editor"
        name = has.get("name") or ""
        if tag == "select" and name:
            self.select, self.options = name, []
        elif tag == "option" and self.select:
            self.options.append((has.get("value") or "", "selected" in has))
        elif tag == "input" and name and self.inside and (has.get("type") != "checkbox" or "checked" in has):
            self.posted.setdefault(name, []).append(has.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self.select and self.inside:
            chosen = [value for value, selected in self.options if selected] or [self.options[0][0]]
            self.posted.setdefault(self.select, []).append(chosen[-1])
            self.select = ""


def filled_in(page: str) -> dict[str, Any]:
    found = _Form()
    found.feed(page)
    return dict(found.posted)


def test_every_setting_goes_through_form_and_text_without_loss(ours: Creditor) -> None:
    client = manager(ours)
    data = {
        "key": "branches",
        "label": {"fr": "Branches", "en": "Branches"},
        "applies": "kind = 'business'",
        "steps": BRANCHES,
    }
    draft = shelf.save(data=data, creditor=ours, now=clock.now())
    address = reverse("desk:scenario_edit", args=[draft.pk])
    page = client.get(address).content.decode()
    as_text = client.post(address, filled_in(page) | {"act": "text"})
    for got, wanted in zip(yaml.safe_load(as_text.context["text"])["steps"], BRANCHES, strict=True):
        assert got == wanted
    back = client.post(address, {"creditor": str(ours.pk), "text": as_text.context["text"], "act": "form"})
    assert client.post(address, filled_in(back.content.decode()) | {"act": "save"}).status_code == 302
    draft.refresh_from_db()
    assert draft.data == data
    shown = client.get(reverse("desk:scenario", args=[draft.pk])).content.decode()
    for said in (
        "6 days after: step before",
        "on day 5 of the month",
        "no reaction",
        "by hand",
        "9 days of rest",
        "Pass to a higher role",
    ):
        assert said in shown, said
    assert "the best one, else Call, E-mail" in shown


def test_settings_of_another_action_are_left_in_the_form_and_not_kept(ours: Creditor) -> None:
    client = manager(ours)
    data = {**house().data, "key": "acts", "steps": [dict(house().data["steps"][1])]}
    draft = shelf.save(data=data, creditor=ours, now=clock.now())
    address = reverse("desk:scenario_edit", args=[draft.pk])
    posted = filled_in(client.get(address).content.decode())
    kept = client.post(address, posted | {"s0-action": "hold", "s0-hold_days": "7", "act": "save"})
    assert kept.status_code == 302
    draft.refresh_from_db()
    assert draft.data["steps"] == [
        {"key": "reminder_1", "level": 20, "days": 4, "action": "hold", "hold_days": 7, "minimum": 5}
    ]
    wrong = client.post(address, posted | {"s0-action": "hold", "act": "save"})
    assert wrong.status_code == 422
    assert "lacks its hold_days" in wrong.content.decode()


def test_a_step_to_an_agency_waits_for_a_word_unless_the_form_says_otherwise() -> None:
    post = QueryDict(mutable=True)
    post.update(
        {
            "key": "k", "count": "1", "s0-key": "away", "s0-level": "10", "s0-days": "60", "s0-action": "place",
            "s0-agency": " Recouvra ", "s0-hold_days": "90", "s0-mode": "automatic", "s0-mode_of_place": "confirm",
            "s0-channel": "email", "s0-template": "reminder_1", "s0-tone": "warm",
        }
    )  # fmt: skip
    plain = {"key": "away", "level": 10, "days": 60, "action": "place", "agency": "Recouvra", "hold_days": 90}
    assert read_form(post) == {"key": "k", "label": {}, "steps": [plain]}
    post["s0-mode_of_place"] = "automatic"
    assert read_form(post)["steps"] == [plain | {"mode": "automatic"}]
