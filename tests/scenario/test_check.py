"""The check of a scenario: each sentence has a scenario that provokes it, and one beside it that does not."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
import pytest
from django.utils.translation import override

from amiable.law.packs import law
from amiable.ledger.models import ContactPoint
from amiable.outreach.compose import UnableToCompose, compose, house_text
from amiable.outreach.models import Template
from amiable.scenario import shelf
from amiable.scenario.check import check, examine
from amiable.scenario.check_words import Text
from amiable.scenario.engine.channel import CHANNELS
from amiable.scenario.engine.possible import possible
from amiable.scenario.finding import ERROR, WARNING, Finding
from amiable.scenario.models import Scenario
from tests import world as worlds
from tests.world import World, at

DAY = date(2026, 3, 2)
CHOICE = {"interest": "show", "indemnity": "show", "fees": "waive", "percent": ""}
SHOWN = {"late_payment": [{"since": "2020-01-01", "business": CHOICE}]}
Step = dict[str, Any]


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    """The sentences are looked at as they are written; that each has its French is another test's matter."""
    with override("en"):
        yield


def step(key: str, level: int, days: int, **more: Any) -> Step:
    return {
        "key": key,
        "level": level,
        "days": days,
        "channel": "email",
        "template": "reminder_1",
        "tone": "warm",
    } | more


def written(words: str, language: str = "fr") -> Text:
    source = f"{words}\n\n[invoices]\n\n[pay]\n\n[paid-or-talk]\n\n[signature]"
    return Text(words=words, names=compose(source, subject="", language=language).names)


def house(template: str, medium: str, audience: str, language: str, tone: str) -> Text:
    source = house_text(language, audience, template, tone, medium)
    return Text(words=source, names=compose(source, subject="", language=language, medium=medium).names, medium=medium)


def found(
    *steps: Step,
    applies: str = "",
    country: str = "FR",
    policy: Any = None,
    texts: Any = house,
    reaches: Any = None,
    carried: Any = CHANNELS,
) -> list[Finding]:
    return check(
        {"key": "trial", "applies": applies, "steps": list(steps)},
        facts=shelf.facts(),
        law=law(country, DAY),
        policy=policy or {},
        texts=texts,
        reaches=reaches or (lambda _kind, _channel: True),
        carried=carried,
    )


def codes(*steps: Step, **how: Any) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.code, finding.step) for finding in found(*steps, **how)]


FIRST, SECOND = step("first", 10, 5), step("second", 20, 15, gap=7)


def test_the_house_has_nothing_to_say_against_its_own() -> None:
    for data in shelf.shipped():
        assert (
            check(
                data,
                facts=shelf.facts(),
                law=law("FR", DAY),
                policy={},
                texts=house,
                reaches=lambda _kind, _channel: True,
            )
            == []
        )


@pytest.mark.parametrize(
    ("condition", "never"),
    [
        ("overdue > 5 AND overdue < 3", True),
        ("overdue > 3 AND overdue < 5", False),
        ("NOT (overdue <= 5) AND overdue < 5", True),
        ("contacts_7d > 2 AND contacts_7d < 3", True),  # whole numbers: nothing between
        ("late_share > 0.2 AND late_share < 0.3", False),
        ("late_share > 1.5", True),
        ("open_count < 0", True),
        ("kind = 'business' AND kind = 'public'", True),
        ("kind IN ('business', 'public') AND kind <> 'business'", False),
        ("kind = 'company'", True),
        ("sector = 'steel' AND sector <> 'wood'", False),
        ("key_account AND NOT key_account", True),
        ("key_account = TRUE OR key_account = FALSE", False),
        ("overdue BETWEEN 10 AND 5", True),
        ("credit_limit IS NULL AND credit_limit > 5", True),
        ("days_late_12m > -3 AND days_late_12m < -1", False),
        ("overdue > open AND overdue < open", False),  # two facts: nothing is claimed
        ("overdue - credit > 5 AND overdue < 3", False),  # neither of a sum
    ],
)
def test_a_condition_that_can_hold_for_nobody_is_told(condition: str, never: bool) -> None:
    told = codes(step("x", 10, -3, **{"if": condition}))
    assert ((ERROR, "never", "x") in told) is never


def test_a_step_that_the_scenarios_own_condition_shuts_out_is_told() -> None:
    inside = step("x", 10, 5, **{"if": "kind = 'business'"})
    assert codes(inside, applies="kind = 'consumer'") == [(ERROR, "never", "x")]
    assert codes(inside, applies="kind <> 'consumer'") == []
    assert codes(inside, applies="overdue < 1 AND overdue > 2")[0] == (ERROR, "never", "")


def test_a_step_whose_condition_denies_its_own_moment_is_told() -> None:
    assert codes(step("x", 10, 30, **{"if": "dpd < 10"})) == [(ERROR, "never", "x")]
    assert codes(step("x", 10, 5, **{"if": "dpd < 10"})) == []
    assert codes(step("x", 10, 30, **{"if": "overdue = 0"})) == [(ERROR, "never", "x")]
    assert codes(step("x", 10, -30, **{"if": "overdue = 0"})) == []


def test_a_step_that_lapses_before_its_turn_comes_is_told() -> None:
    late = step("second", 20, 6, gap=7, until=9)
    told = found(FIRST, late)
    assert [(each.severity, each.code, each.step) for each in told] == [(ERROR, "lapsed", "second")]
    assert "12" in told[0].sentence
    assert "“first”" in told[0].sentence
    assert codes(FIRST, late | {"until": 12}) == []
    # Where the first step may be left out, the second can come.
    assert (ERROR, "lapsed", "second") not in codes(FIRST | {"if": "overdue > 50"}, late)
    assert (ERROR, "lapsed", "second") in codes(FIRST | {"if": "overdue > 50"}, late | {"if": "overdue > 60"})
    assert (ERROR, "lapsed", "second") not in codes(FIRST | {"until": 7}, late)


def test_a_step_that_nobody_can_be_reached_by_is_told() -> None:
    call = step("ring", 30, 30, channel="call", gap=7)

    def without_phone(kind: str, channel: str) -> bool:
        return channel == "email" or kind == "business"

    assert codes(FIRST, call, applies="kind = 'consumer'", reaches=without_phone) == [(WARNING, "no_address", "ring")]
    assert codes(FIRST, call, applies="kind = 'business'", reaches=without_phone) == []
    assert codes(FIRST, call, reaches=without_phone) == []


def test_a_smaller_minimum_behind_a_larger_one_is_told() -> None:
    assert codes(FIRST | {"minimum": 100}, SECOND | {"minimum": 10}) == [(WARNING, "dominated", "second")]
    assert codes(FIRST | {"minimum": 10}, SECOND | {"minimum": 100}) == []
    assert codes(FIRST | {"minimum": 100, "if": "key_account"}, SECOND | {"minimum": 10}) == []


def test_too_many_contacts_in_a_week_are_told_by_law_and_by_policy() -> None:
    days = [step(f"s{n}", n, n) for n in range(1, 6)]
    assert (ERROR, "cap", "s5") in codes(*days)
    spread = [step(f"s{n}", n, 2 * n, gap=2) for n in range(1, 6)]
    assert codes(*spread) == []
    assert (ERROR, "cap", "s3") in codes(*spread, policy={"contacts_per_7_days": 2})
    assert codes(*spread, policy={"contacts_per_7_days": 9}) == []  # a policy only narrows
    assert "cap" not in {code for _s, code, _k in codes(*days, country="US")}


def test_branches_of_which_a_customer_takes_one_do_not_add_up() -> None:
    sides = [step(f"s{n}", n, 2 * n, gap=2, **{"if": f"open_count = {n}"}) for n in range(1, 6)]
    assert codes(*sides, policy={"contacts_per_7_days": 1}) == []


def test_too_many_calls_in_a_week_are_told() -> None:
    calls = [step(f"c{n}", n, 2 * n, gap=2, channel="call") for n in range(1, 5)]
    assert (ERROR, "cap", "c3") in codes(*calls, policy={"calls_per_7_days": 2})
    assert (ERROR, "cap", "c4") in codes(*calls)
    assert codes(*calls[:3]) == []


def test_an_old_invoice_that_would_bring_everything_at_once_is_told() -> None:
    bare = [step(f"s{n}", n, 10 * n) for n in range(1, 7)]
    assert codes(*bare) == [(WARNING, "cap", "s5")]
    assert codes(*(each | {"gap": 3} for each in bare)) == []


def test_steps_too_close_to_each_other_are_told() -> None:
    assert codes(FIRST, SECOND | {"days": 6, "gap": 1}) == [(WARNING, "gap", "second")]
    assert codes(FIRST, SECOND | {"days": 7, "gap": 2}) == []
    assert codes(FIRST, SECOND | {"days": 8, "gap": 3}, policy={"days_between_contacts": 5}) == [
        (WARNING, "gap", "second")
    ]


def test_a_step_about_a_debt_that_is_time_barred_is_told() -> None:
    old = step("old", 30, 800, gap=30)
    assert codes(FIRST, old, applies="kind = 'consumer'") == [(ERROR, "time_bar", "old")]
    assert codes(FIRST, old, applies="kind = 'business'") == []
    assert codes(FIRST, old | {"days": 2_000}, applies="kind = 'business'") == [(ERROR, "time_bar", "old")]
    assert codes(FIRST, old | {"days": 700}, applies="kind = 'consumer'") == []
    assert codes(FIRST, old, applies="kind = 'consumer'", country="GB") == []


FORMAL = step("notice", 30, 40, gap=7, template="formal_notice", tone="firm")
INTEREST = "Les pénalités de l’article L.441-10 courent et une indemnité de 40 € est due par facture."
DEMAND = "Nous vous mettons en demeure de régler {{ about_to_pay }} avant le {{ answer_by }}."


def only(words: str) -> Any:
    return lambda _template, _medium, _audience, _language, _tone: written(words)


def test_a_formal_notice_to_a_business_names_interest_and_indemnity_where_the_creditor_chose_so() -> None:
    chosen = SHOWN
    told = [
        each
        for each in found(FORMAL, applies="kind = 'business'", texts=only(DEMAND), policy=chosen)
        if each.code == "mention"
    ]
    assert len(told) == 4  # two mentions, in two languages
    assert any("L.441-10" in each.sentence for each in told)
    assert any("40" in each.sentence for each in told)
    assert codes(FORMAL, applies="kind = 'business'", texts=only(f"{DEMAND} {INTEREST}"), policy=chosen) == []
    assert codes(FORMAL, applies="kind = 'business'", texts=only(DEMAND), country="GB", policy=chosen) == []
    # A creditor who has not chosen to speak of them need not.
    assert codes(FORMAL, applies="kind = 'business'", texts=only(DEMAND)) == []


def test_a_formal_notice_says_how_much_until_when_and_that_it_is_one() -> None:
    missing = {each.sentence for each in found(FORMAL, applies="kind = 'consumer'", texts=only("Payez, merci."))}
    assert len(missing) == 4  # the demand and the day, in two languages; the layout tells the rest
    assert codes(FORMAL, applies="kind = 'consumer'", texts=only(DEMAND)) == []


def test_every_text_says_who_writes_and_how_to_object() -> None:
    bare = Text(words="Bonjour", names=frozenset({"invoices"}))
    told = {each.sentence for each in found(FIRST, applies="kind = 'consumer'", texts=lambda *_asked: bare)}
    assert len(told) == 6
    assert codes(FIRST, applies="kind = 'consumer'", texts=only("Bonjour")) == []


@pytest.mark.parametrize(
    "words",
    [
        "Sans réponse, nous saisirons un huissier.",
        "Un commissaire de justice vous rendra visite.",
        "Une saisie sur salaire sera engagée.",
        "Une injonction de payer sera demandée.",
        "We will instruct a bailiff.",
        "This may lead to seizure of goods.",
        "We will take legal action.",
    ],
)
def test_an_amicable_text_does_not_threaten_with_force(words: str) -> None:
    assert {code for _s, code, _k in codes(FIRST, texts=only(words))} == {"forced"}


@pytest.mark.parametrize(
    "words",
    [
        "La saisie de vos coordonnées prend une minute.",
        "Saisissez le code.",
        "Un saisissant retard.",
        "The courtesy of an answer.",
    ],
)
def test_words_that_only_look_like_force_are_free(words: str) -> None:
    assert codes(FIRST, texts=only(words)) == []


def test_a_step_named_after_force_is_told() -> None:
    assert codes(step("huissier", 10, 5)) == [(ERROR, "forced", "huissier")]
    assert codes(step("rappel", 10, 5)) == []


@pytest.mark.parametrize(
    ("words", "charges"),
    [
        ("Des frais de relance de 12 € seront ajoutés.", True),
        ("Une indemnité forfaitaire de 40 € est due.", True),
        ("A late fee of €15 applies.", True),
        ("Recovery costs will be charged.", True),
        ("Aucuns frais ne s’ajoutent à cette somme.", False),
        ("Sans frais de dossier pour vous.", False),
        ("No fees are added.", False),
    ],
)
def test_a_consumer_is_charged_nothing(words: str, charges: bool) -> None:
    told = codes(FIRST, applies="kind = 'consumer'", texts=only(words))
    assert told == ([(ERROR, "fee", "first")] * len(told) if charges else [])
    assert bool(told) is charges
    assert codes(FIRST, applies="kind = 'business'", texts=only(words)) == []
    assert codes(FIRST, applies="kind = 'consumer'", texts=only(words), country="GB") == []


def test_penalties_named_to_a_consumer_are_told_as_a_warning() -> None:
    told = codes(FIRST, applies="kind = 'consumer'", texts=only("Des pénalités de retard peuvent courir."))
    assert set(told) == {(WARNING, "fee", "first")}
    assert codes(FIRST, applies="kind = 'business'", texts=only("Des pénalités de retard peuvent courir.")) == []


def test_a_step_without_a_text_is_told() -> None:
    def none(template: str, medium: str, audience: str, language: str, tone: str) -> Text:
        if audience == "consumer" and language == "en":
            raise UnableToCompose("nothing")
        return house(template, medium, audience, language, tone)

    assert codes(FIRST, texts=none) == [(ERROR, "no_text", "first")]
    assert codes(FIRST, applies="kind = 'business'", texts=none) == []


BAD: list[tuple[Any, str]] = [
    ({"if": "overdu > 5"}, "overdue"),
    ({"if": "kind > 5"}, "“5” is a number and “kind” is a text"),
    ({"if": "overdue"}, "yes-or-no"),
    ({"if": "overdue > (SELECT 1)"}, "sub-query"),
    ({"if": "overdue > 5; DROP TABLE ledger_invoice"}, "one expression"),
    ({"if": " OR ".join(["overdue > 5"] * 10_000)}, "2000"),
    ({"if": ["overdue > 5"] * 10_000}, "must be a text"),
    ({"days": 3.5}, "whole number"),
    ({"days": float("inf")}, "number"),
    ({"days": True}, "not a number"),
    ({"until": 4}, "lapse before"),
    ({"key": "Premier rappel"}, "cannot be a key"),
    ({"after": "second"}, "unknown setting"),
]


@pytest.mark.parametrize(("change", "words"), BAD)
def test_a_bad_step_gives_one_sentence(change: Step, words: str) -> None:
    (told,) = found(FIRST | change)
    assert told.stops
    assert words in told.sentence


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"key": "k", "steps": []}, "no steps"),
        ({"key": "k"}, "no steps"),
        ({"key": "k", "steps": [FIRST, SECOND, FIRST]}, "circle"),
        ({"key": "k", "steps": [FIRST, SECOND | {"days": 1}]}, "cannot be due before"),
        ({"key": "k", "steps": [FIRST] * 10_000}, "60 steps"),
        ({"key": "k", "steps": [FIRST], "colour": "red"}, "unknown setting"),
        ({"key": "k", "steps": [FIRST], "label": "Premier"}, "label"),
        ([FIRST], "list of settings"),
        (None, "list of settings"),
    ],
)
def test_a_bad_scenario_gives_one_sentence(data: Any, words: str) -> None:
    (told,) = check(
        data, facts=shelf.facts(), law=law("FR", DAY), policy={}, texts=house, reaches=lambda _kind, _channel: True
    )
    assert told.stops
    assert words in told.sentence


def test_conditions_are_judged_by_facts_that_no_case_may_leave_out() -> None:
    facts = {"a": pl.Float64, "b": pl.Float64}
    assert not possible(["a > 5"], fails=["a > 3"], facts=facts)
    assert possible(["a > 3"], fails=["a > 5"], facts=facts)
    assert possible(["b > 3"], fails=["a > 5"], facts=facts)
    assert not possible(["a IS NULL"], facts=facts, span={"a": (0, None)})


@pytest.mark.parametrize(
    "texts",
    [
        ["sector > 'm'"],
        ["sector BETWEEN 'b' AND 'd'", "sector <> 'b'", "sector <> 'd'"],
        ["sector <> 'energy'", "sector <> ''", "sector <> '?'"],
        ["sector NOT IN ('', '?', '??')"],
    ],
)
def test_a_text_can_be_another_one_than_those_it_is_compared_with(texts: list[str]) -> None:
    assert possible(texts, facts={"sector": pl.String})
    assert not possible(["sector = 'a'", "sector = 'b'"], facts={"sector": pl.String})


@pytest.mark.django_db
def test_errors_keep_a_scenario_from_being_saved_and_warnings_do_not(world: World) -> None:
    with pytest.raises(shelf.UnableToKeep) as refused:
        shelf.save(data={"key": "k", "steps": [FIRST | {"days": 800}]}, creditor=world.house, now=at(DAY))
    assert [finding.code for finding in refused.value.findings] == ["time_bar"]
    assert not Scenario.objects.exists()
    kept = shelf.save(
        data={"key": "k", "steps": [FIRST, SECOND | {"days": 6, "gap": 1}]}, creditor=world.house, now=at(DAY)
    )
    assert kept.version == 1


@pytest.mark.django_db
def test_a_creditors_own_texts_and_addresses_are_looked_at(world: World) -> None:
    data = {"key": "k", "applies": "kind = 'consumer'", "steps": [FIRST, step("ring", 30, 30, channel="call", gap=7)]}

    def told() -> list[str]:
        return [each.code for each in examine(data, creditor=world.house, facts=shelf.facts(), as_of=DAY)]

    assert told() == []
    ContactPoint.objects.filter(medium="call", contact__customer__kind="consumer").update(failed_at=at(DAY))
    assert told() == ["no_address"]
    Template.objects.create(
        creditor=world.house, key="reminder_1", medium="email", language="fr", audience="consumer", tone="warm",
        subject="Rappel", body="Un huissier viendra.\n\n[paid-or-talk]", approved_at=at(DAY),
    )  # fmt: skip
    assert told() == ["forced", "no_address"]
    worlds.customer(world.neighbour, kind="consumer")
    other = [each.code for each in examine(data, creditor=world.neighbour, facts=shelf.facts(), as_of=DAY)]
    assert other == ["no_address"]


def asked(key: str, level: int, days: int, **more: Any) -> Step:
    """A step that contacts nobody."""
    return {"key": key, "level": level, "days": days, "action": "task"} | more


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([{**FIRST, "from": "step"}, SECOND], [(ERROR, "never", "first")]),
        ([FIRST, {**SECOND, "from": "step", "days": 15}], []),
        ([{**FIRST, "answer": "opened"}, SECOND], [(ERROR, "never", "first")]),
        ([{**FIRST, "answer": ["none", "opened"]}, SECOND], [(WARNING, "idle", "first")]),
        ([FIRST, {**SECOND, "answer": "none"}], []),
        ([FIRST, {**SECOND, "answer": "none", "from": "replied"}], [(ERROR, "never", "second")]),
        ([FIRST, {**SECOND, "answer": ["none", "replied"], "from": "replied"}], []),
        ([asked("look", 10, 5), {**SECOND, "answer": ["opened", "bounced"]}], [(ERROR, "never", "second")]),
        ([asked("look", 10, 5), {**SECOND, "answer": ["opened", "replied"]}], []),
        ([FIRST, asked("look", 20, 15, answer="opened")], []),
        ([{**FIRST, "ends": ["replied"]}, {**SECOND, "answer": "replied"}], [(ERROR, "never", "second")]),
        ([{**FIRST, "ends": ["replied"]}, {**SECOND, "answer": ["replied", "none"]}], []),
        ([{**FIRST, "ends": "promised"}, {**SECOND, "from": "promised", "days": 3}], [(ERROR, "never", "second")]),
        ([FIRST, asked("look", 20, 15, ends=["opened"])], [(WARNING, "idle", "look")]),
        ([{**FIRST, "on_day": 5, "until": 20}, SECOND], [(WARNING, "lapsed", "first")]),
        ([{**FIRST, "on_day": 5, "until": 35}, SECOND], []),
        ([{**FIRST, "fallback": ["email", "call"]}, SECOND], [(WARNING, "idle", "first")]),
        ([{**FIRST, "channel": "best", "fallback": ["email"]}, SECOND], []),
        ([{**FIRST, "responsible": "sales"}, SECOND], [(WARNING, "idle", "first")]),
        ([{**FIRST, "responsible": "sales", "mode": "manual"}, SECOND], []),
        ([FIRST, asked("rest", 20, 15, action="hold", hold_days=9, responsible="sales")], [(WARNING, "idle", "rest")]),
        ([FIRST, {**SECOND, "channel": "call", "mode": "manual"}], [(WARNING, "idle", "second")]),
        ([FIRST, asked("away", 15, 10, action="place", agency="R"), SECOND], [(WARNING, "away", "second")]),
        ([FIRST, asked("away", 15, 10, action="place", agency="R", hold_days=30), SECOND], []),
        ([FIRST, asked("away", 15, 10, action="place", agency="R", mode="manual"), SECOND], []),
        ([FIRST, asked("away", 20, 15, action="place")], [(WARNING, "no_agency", "away")]),
        (
            [FIRST, asked("away", 20, 15, action="place", agency="R", mode="automatic", responsible="sales")],
            [(WARNING, "idle", "away"), (WARNING, "idle", "away")],
        ),
        ([FIRST, asked("look", 20, 15, mode="confirm")], [(ERROR, "unreadable", "")]),
        ([FIRST, asked("look", 20, 15, agency="R")], [(ERROR, "unreadable", "")]),
    ],
)
def test_a_branch_that_nobody_can_take_or_that_changes_nothing_is_told(
    steps: list[Step], told: list[tuple[str, str, str]]
) -> None:
    assert codes(*steps) == told


def test_what_contacts_nobody_counts_for_no_cap_and_needs_no_words() -> None:
    many = [FIRST, *(asked(f"look_{n}", 11 + n, 5) for n in range(6)), {**SECOND, "days": 8, "gap": 0}]
    assert codes(*many) == []
    assert codes(FIRST, asked("look", 20, 3_600)) == []
    assert (ERROR, "time_bar", "second") in codes(FIRST, {**SECOND, "from": "step", "days": 3_000})


def test_every_channel_of_a_step_counts_for_its_address_and_calls_for_their_cap() -> None:
    def only_phones(_kind: str, channel: str) -> bool:
        return channel == "call"

    assert (WARNING, "no_address", "first") in codes(FIRST, SECOND, reaches=only_phones)
    assert codes({**FIRST, "fallback": ["call"]}, {**SECOND, "channel": "best"}, reaches=only_phones) == []
    calls = [{**step(f"c{n}", 10 + n, n), "channel": "best"} for n in range(3)]
    assert "cap" in {code for _severity, code, _step in codes(*calls, policy={"calls_per_7_days": 1})}


def test_each_channel_of_a_step_has_words_of_its_own() -> None:
    sms = step("s1", 10, 3, channel="sms", template="formal_notice", tone="firm")
    assert (ERROR, "no_text", "s1") in codes(sms)
    assert any("French (SMS)" in each.sentence for each in found(sms))
    assert (ERROR, "no_text", "s1") in codes({**sms, "channel": "email", "fallback": ["sms"]})
    best = codes({**sms, "channel": "best"})
    assert (WARNING, "no_text", "s1") in best
    assert (ERROR, "no_text", "s1") not in best
    assert "no_text" not in {code for _severity, code, _step in codes(step("s1", 10, 3, channel="sms"))}
