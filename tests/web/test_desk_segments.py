"""Segments in the desk: everybody in scope may look, who administers may change, and a mistake saves nothing."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from amiable.core.models import Role
from amiable.ledger.models import Branch, Creditor, Customer
from amiable.portfolio import facts, segments
from amiable.portfolio.models import Membership, Profile, SegmentSet
from amiable.web.desk import segment_rows
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
UNITS = {fact.name: fact.unit for fact in facts.FACTS}


@pytest.fixture
def theirs() -> Creditor:
    return rows.creditor("theirs")


def form(creditor: Creditor, *segments_: tuple[str, str, str], act: str = "activate", after: int = 0) -> dict[str, Any]:
    """What the editor sends: key, French and English label alike, condition."""
    return {
        "creditor": creditor.pk,
        "after": after,
        "act": act,
        "key": [key for key, _label, _when in segments_],
        "label_fr": [label for _key, label, _when in segments_],
        "label_en": [label for _key, label, _when in segments_],
        "when": [when for _key, _label, when in segments_],
    }


def owing(of: Creditor, name: str, minor: int) -> Customer:
    who = rows.customer(of, name)
    rows.invoice(who, minor, late=10)
    return who


def boss(of: Creditor, name: str = "vera") -> Client:
    return rows.desk(rows.colleague(name, of))


def test_the_list_counts_what_the_user_may_see(ours: Creditor, theirs: Creditor) -> None:
    lyon = Branch.objects.create(creditor=ours, code="L", name="Lyon")
    here = owing(ours, "Here", 123_400)
    owing(ours, "There", 5_600)
    owing(theirs, "Zoe", 99_900)
    Customer.objects.filter(pk=here.pk).update(branch=lyon)
    rows.counted()
    whole = boss(ours).get(reverse("desk:segments"))
    assert whole.context["customers"] == 2
    part = rows.desk(rows.colleague("bea", ours, Role.BRANCH, branch=lyon)).get(reverse("desk:segments"))
    assert part.context["customers"] == 1
    assert [row.overdue for row in part.context["rows"] if row.customers] == [{"EUR": 123_400}]
    asked = boss(ours, "ada").get(reverse("desk:segments"), {"creditor": theirs.pk})
    assert asked.context["creditor"] == ours
    assert b"Theirs" not in asked.content
    facts_seen = boss(ours, "max").get(reverse("desk:facts"), {"creditor": theirs.pk})
    assert facts_seen.context["customers"] == 2


def test_the_facts_are_read_at_once_however_many_there_are(
    ours: Creditor, django_assert_max_num_queries: Callable[..., AbstractContextManager[Any]]
) -> None:
    owing(ours, "Anna", 100)
    rows.counted()
    client = boss(ours)
    with django_assert_max_num_queries(30):
        page = client.get(reverse("desk:facts"))
    assert next(each["used_by"] for each in page.context["facts"] if each["fact"].name == "key_account")


@pytest.mark.parametrize("role", [Role.COLLECTOR, Role.AUDITOR, Role.ACCOUNTANT, Role.SALES])
def test_who_does_not_administer_looks_and_changes_nothing(ours: Creditor, role: str) -> None:
    owing(ours, "Anna", 100)
    rows.counted()
    client = rows.desk(rows.colleague("ada", ours, role))
    for name in ("segments", "segments_moves", "facts"):
        assert client.get(reverse(f"desk:{name}")).status_code == 200
    assert "/segments/edit/" not in client.get(reverse("desk:segments")).content.decode()
    assert client.get(reverse("desk:segments_edit")).status_code == 404
    for name in ("segments_edit", "segments_preview", "segments_rows"):
        assert client.post(reverse(f"desk:{name}"), form(ours, ("a", "A", ""))).status_code == 404
    assert not SegmentSet.objects.exists()


def test_who_administers_a_part_or_another_creditor_does_not_come_in(ours: Creditor, theirs: Creditor) -> None:
    lyon = Branch.objects.create(creditor=ours, code="L", name="Lyon")
    for client in (boss(theirs), rows.desk(rows.colleague("bea", ours, Role.MANAGER, branch=lyon))):
        assert client.get(reverse("desk:segments_edit"), {"creditor": ours.pk}).status_code == 404
        for name in ("segments_edit", "segments_preview"):
            assert client.post(reverse(f"desk:{name}"), form(ours, ("a", "A", ""))).status_code == 404
    assert not SegmentSet.objects.exists()


def test_saved_activated_listed_with_who_and_what(ours: Creditor) -> None:
    big, small = owing(ours, "Big", 90_000), owing(ours, "Small", 500)
    rows.counted()
    client = boss(ours)
    saved = client.post(
        reverse("desk:segments_edit"), form(ours, ("", "Gros encours", "overdue > 500"), ("rest", "Les autres", ""))
    )
    assert saved.status_code == 302
    (kept,) = SegmentSet.objects.all()
    assert [each["key"] for each in kept.segments] == ["gros_encours", "rest"]
    assert getattr(kept.made_by, "username", "") == "vera"
    assert {p.customer: p.segment for p in Profile.objects.all()} == {big: "gros_encours", small: "rest"}
    page = client.get(reverse("desk:segments"))
    (version,) = page.context["versions"]
    assert (version.in_force, version.kept.version) == (True, 1)
    assert ("added", "gros_encours") in {(each.kind, each.segment["key"]) for each in version.changes}
    assert "vera" in page.content.decode()
    card = client.get(reverse("desk:customer", args=[big.pk])).content.decode()
    assert "Segments over time" in card
    assert "Gros encours" in card


def test_a_draft_changes_nothing_and_is_activated_as_it_stands(ours: Creditor) -> None:
    owing(ours, "Big", 90_000)
    rows.counted()
    before = Profile.objects.get().segment
    client = boss(ours)
    client.post(reverse("desk:segments_edit"), form(ours, ("a", "A", ""), act="save"))
    assert Profile.objects.get().segment == before
    client.post(reverse("desk:segments_edit"), form(ours, ("a", "A", ""), after=1))
    (kept,) = SegmentSet.objects.all()
    assert kept.active_since is not None
    assert Profile.objects.get().segment == "a"


@pytest.mark.parametrize(
    ("segment", "told"),
    [
        (("a", "A", "overdu > 1"), "perhaps “overdue” is meant"),
        (("a", "A", "kind > 1"), "“1” is a number and “kind” is a text"),
        (("a", "A", "overdue IN (SELECT 1)"), "sub-query"),
        (("a", "A", "overdue > 1; DELETE FROM x"), "one expression"),
        (("a", "", "overdue > 1"), "label in fr"),
        (("A!", "A", ""), "small letters"),
        (("a", "A", "x" * 3_000), "2000 characters"),
    ],
)
def test_a_mistake_is_said_at_its_segment_and_saves_nothing(
    ours: Creditor, segment: tuple[str, str, str], told: str
) -> None:
    owing(ours, "Big", 90_000)
    rows.counted()
    client = boss(ours)
    asked = form(ours, ("ok", "Fine", "dpd > 1"), segment)
    page = client.post(reverse("desk:segments_edit"), asked)
    assert page.status_code == 422
    text = page.content.decode().replace("&#x27;", "'")
    assert told in text
    assert [bool(fault) for _rule, _name, fault in page.context["rules"]] == [False, True]
    assert 'value="Fine"' in text  # what was filled in is still there
    ahead = client.post(reverse("desk:segments_preview"), asked).content.decode()
    assert told in ahead.replace("&#x27;", "'")
    assert not SegmentSet.objects.exists()


def test_too_many_and_meanwhile_are_sentences(ours: Creditor) -> None:
    client = boss(ours)
    many = form(ours, *((f"s{n}", f"S{n}", "") for n in range(201)))
    assert "200 segments at most" in client.post(reverse("desk:segments_edit"), many).content.decode()
    client.post(reverse("desk:segments_edit"), form(ours, ("a", "A", ""), act="save"))
    again = client.post(reverse("desk:segments_edit"), form(ours, ("b", "B", ""), act="save"))
    assert "Version 1 was saved meanwhile" in again.content.decode()
    assert SegmentSet.objects.count() == 1


def test_the_preview_tells_matches_and_moves_and_writes_nothing(ours: Creditor) -> None:
    owing(ours, "Big", 90_000), owing(ours, "Small", 500)
    rows.counted()
    before = {p.pk: p.segment for p in Profile.objects.all()}
    page = boss(ours).post(
        reverse("desk:segments_preview"),
        form(ours, ("big", "Big ones", "overdue > 500"), ("none", "Never", "overdue > 600")),
    )
    text = re.sub(r"\s+", " ", page.content.decode())
    assert page.context["found"].moved == 2
    half = form(ours, ("big", "Big ones", "overdue > 500")) | {"label_en": [""]}
    assert boss(ours, "ada").post(reverse("desk:segments_preview"), half).context["found"].moved == 2
    assert "customers of 2 would move" in text
    assert "1 fits, but stands in a segment above" in text
    assert {p.pk: p.segment for p in Profile.objects.all()} == before
    assert not SegmentSet.objects.exists()


def test_without_javascript_the_buttons_move_add_and_remove(ours: Creditor) -> None:
    client = boss(ours)
    three = [("a", "A", ""), ("b", "B", ""), ("c", "C", "")]
    asked = {"up:1": "bac", "down:1": "acb", "remove:0": "bc", "up:0": "abc", "down:2": "abc", "remove:9": "abc"}
    for act, keys in asked.items():
        page = client.post(reverse("desk:segments_edit"), form(ours, *three, act=act))
        assert [rule["key"] for rule, _name, _fault in page.context["rules"]] == list(keys), act
    longer = client.post(reverse("desk:segments_edit"), form(ours, *three, act="add"))
    assert [rule["key"] for rule, _name, _fault in longer.context["rules"]] == ["a", "b", "c", ""]
    assert not SegmentSet.objects.exists()
    assert client.post(reverse("desk:segments_edit"), form(ours, *three) | {"when": ["", ""]}).status_code == 404


def test_moves_lead_to_the_customers_whom_the_user_may_see(ours: Creditor, theirs: Creditor) -> None:
    today = rows.clock.today()
    karim = rows.colleague("karim", ours, Role.SALES, own=True)
    mine, other, zoe = owing(ours, "Mine", 100), owing(ours, "Other", 100), owing(theirs, "Zoe", 100)
    Customer.objects.filter(pk=mine.pk).update(salesperson=karim)
    for who in (mine, other, zoe):
        first = today.replace(day=1)
        Membership.objects.create(customer=who, currency="EUR", segment="new", since="2020-01-01", until=first)
        Membership.objects.create(customer=who, currency="EUR", segment="forgetful", since=first)
    address, asked = reverse("desk:segments_moves"), {"month": f"{today:%Y-%m}", "from": "new", "to": "forgetful"}
    told = boss(ours).get(address, asked)
    assert [move.customers for move in told.context["moves"]] == [2]
    assert {who for who, *_rest in told.context["people"]} == {mine, other}
    part = rows.desk(karim).get(address, asked)
    assert [move.customers for move in part.context["moves"]] == [1]
    assert {who for who, *_rest in part.context["people"]} == {mine}
    nosy = boss(ours, "ada").get(address, asked | {"creditor": theirs.pk})
    assert zoe not in {who for who, *_rest in nosy.context["people"]}


# -- the builder


def written(read: segment_rows.Rows) -> str:
    """Rows as the builder writes them: said once more here, as the browser says it in segments.js."""

    def one(row: segment_rows.Row) -> str:
        quoted = "'" + row.value.replace("'", "''") + "'"
        if row.sign in {"yes", "no"}:
            return row.fact if row.sign == "yes" else f"NOT {row.fact}"
        if row.sign in {"known", "unknown"}:
            return f"{row.fact} IS {'NOT ' if row.sign == 'known' else ''}NULL"
        if row.sign == "in":
            return f"{row.fact} IN ({', '.join(repr(each.strip()) for each in row.value.split(','))})"
        if row.sign == "contains":
            return f"{row.fact} ILIKE '%{quoted[1:-1]}%'"
        if UNITS[row.fact] == "text":
            return f"{row.fact} {row.sign} {quoted}"
        return f"{row.fact} {row.sign} {float(row.value) / 100 if UNITS[row.fact] == 'share' else row.value}"

    inner, outer = (" OR ", " AND ") if read.all else (" AND ", " OR ")
    parts = [inner.join(map(one, block)) for block in read.blocks]
    return outer.join(f"({part})" if len(read.blocks) > 1 and read.all else part for part in parts)


NUMBERS = st.builds(
    segment_rows.Row,
    st.sampled_from(["overdue", "dpd", "contacts_30d", "late_share"]),
    st.sampled_from(sorted(segment_rows.SIGNS)),
    st.integers(0, 99).map(str),
)
TEXTS = st.builds(
    segment_rows.Row, st.sampled_from(["kind", "sector"]), st.sampled_from(["=", "<>"]), st.text("abé' ", max_size=5)
)
OTHERS = st.sampled_from(
    [segment_rows.Row("key_account", "no"), segment_rows.Row("key_account", "yes"), segment_rows.Row("late_share", "known"),
     segment_rows.Row("kind", "in", "consumer, public"), segment_rows.Row("sector", "contains", "tom")]
)  # fmt: skip
BLOCKS = st.lists(
    st.lists(st.one_of(NUMBERS, TEXTS, OTHERS), min_size=1, max_size=3).map(tuple), min_size=2, max_size=4
)


@given(st.builds(segment_rows.Rows, st.booleans(), BLOCKS.map(tuple)))
def test_rows_that_are_written_are_read_again_as_they_were(made: segment_rows.Rows) -> None:
    text = written(made)
    segments.check([{"key": "a", "label": {"fr": "A", "en": "A"}, "when": text}])
    back = segment_rows.read(text, UNITS)
    assert back is not None
    # A single row of a block is of either kind, so compare what is meant: the same text once more.
    assert written(back) == text or flat(back) == flat(made)


def flat(of: segment_rows.Rows) -> list[segment_rows.Row]:
    return [row for block in of.blocks for row in block]


def test_the_starter_set_can_be_edited_as_rows() -> None:
    for each in segments.starter():
        assert segment_rows.read(each["when"], UNITS) is not None, each["key"]
    unwilling = segment_rows.read(next(s["when"] for s in segments.starter() if s["key"] == "unwilling"), UNITS)
    assert unwilling is not None
    assert unwilling.all
    assert [len(block) for block in unwilling.blocks] == [1, 2, 1]


@pytest.mark.parametrize(
    "text",
    ["overdue / open > 0.5", "(overdue > 1 AND (dpd > 2 OR dpd < 1)) OR open > 3", "kind LIKE 'b%'", "overdue > open",
     "NOT (overdue > 1)", "CASE WHEN dpd > 1 THEN TRUE ELSE FALSE END", "dpd BETWEEN 1 AND 2",
     "(" * 300 + "key_account" + ")" * 300,
     "overdue >", "nonsense = 1"],
)  # fmt: skip
def test_what_rows_cannot_show_stays_text(text: str) -> None:
    assert segment_rows.read(text, UNITS) is None


def test_the_builder_asks_for_rows_of_a_text(ours: Creditor) -> None:
    client, address = boss(ours), reverse("desk:segments_rows")
    told = json.loads(client.post(address, {"when": "late_share >= 0.7 OR key_account"}).content)
    assert told["wrong"] == ""
    assert told["rows"]["all"] is False
    assert [block[0]["value"] for block in told["rows"]["blocks"]] == ["70", ""]
    assert json.loads(client.post(address, {"when": "overdue / 2 > 1"}).content) == {"rows": None, "wrong": ""}
    assert "perhaps “overdue”" in json.loads(client.post(address, {"when": "overdu > 1"}).content)["wrong"]
