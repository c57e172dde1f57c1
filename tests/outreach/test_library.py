"""The whole library: every text can be filled, says what the law asks, and reads as its sample (one file to read aloud)."""

import os
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.utils.translation import override

from amiable.law.packs import law
from amiable.outreach.compose import compose, read
from amiable.outreach.house import AUDIENCES, LANGUAGES, NEAREST, Place, house_source, house_text, shelf, speaks
from amiable.outreach.names import example
from amiable.outreach.proof import MOST_SEGMENTS, proofread
from amiable.outreach.sandbox import UnableToCompose

SAMPLES = Path(__file__).parent.parent / "samples" / "outreach"
DAY = date(2026, 1, 23)
CHOICE = {"interest": "show", "indemnity": "show", "fees": "waive", "percent": ""}
SHOWN = {"late_payment": [{"since": "2020-01-01", "business": CHOICE}]}
ALL = sorted(shelf())
E_MAILS = {
    "courtesy_notice": "warm neutral", "reminder_1": "warm neutral firm", "reminder_2": "warm neutral firm",
    "reminder_3": "warm neutral firm", "statement": "neutral", "formal_notice": "firm", "promise_confirmed": "warm",
    "promise_broken": "warm neutral firm", "plan_offered": "warm neutral", "plan_agreed": "warm",
    "plan_due": "warm", "plan_late": "warm neutral firm", "receipt": "warm", "payment_failed": "warm", "dispute_received": "warm",
    "dispute_answered": "neutral", "dispute_message": "neutral",
    "hardship_help": "warm", "early_warning": "warm", "survey": "warm", "invoice_copy": "warm",
    "digest": "neutral", "payment_link": "warm",
}  # fmt: skip
OTHERS = {
    "sms": {
        "courtesy_notice", "reminder_1", "reminder_2", "reminder_3", "promise_confirmed", "promise_broken", "plan_due",
        "plan_late", "receipt", "payment_failed", "payment_link", "survey",
    },
    "letter": {"formal_notice"},
    "ivr": {"reminder_1", "reminder_2"},
    "call": {"reminder_2", "reminder_3", "promise_broken", "early_warning", "hardship_help", "call"},
}  # fmt: skip


def test_each_language_and_audience_has_every_text() -> None:
    for language in LANGUAGES:
        for audience in AUDIENCES:
            mine = [place for place in ALL if (place.language, place.audience) == (language, audience)]
            mails = {(place.key, place.tone) for place in mine if place.medium == "email"}
            assert mails == {(key, tone) for key, tones in E_MAILS.items() for tone in tones.split()}
            for medium, keys in OTHERS.items():
                assert {place.key for place in mine if place.medium == medium} == keys


@pytest.mark.parametrize("place", ALL, ids=lambda place: place.file)
@pytest.mark.parametrize("policy", [{}, SHOWN], ids=["silent", "reminds"])
def test_nobody_has_anything_to_say_against_a_text(place: Place, policy: dict[str, Any]) -> None:
    with override("en"):
        for country in ("FR", "GB", "US", "DE"):
            proof = proofread(house_source(place), place, law=law(country, DAY), policy=policy)
            assert proof.sentences == (), country
    if place.medium == "sms":
        assert proof.segments
        assert proof.segments.count <= MOST_SEGMENTS


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_library_reads_as_its_sample(language: str, audience: str) -> None:
    pieces = []
    for place in ALL:
        if (place.language, place.audience) == (language, audience):
            composed = compose(house_source(place), subject="", language=language, medium=place.medium)
            subject, words, _page = composed.fill(example(language))
            preheader = read(house_source(place)).preheader and composed.preheader.render(example(language))
            heads = [head for head in (subject, preheader) if head]
            pieces.append("\n".join([f"══ {place.file}", *heads, "", words.partition("\n-- \n")[0].strip()]))
    golden(f"library.{language}.{audience}.txt", "\n\n".join(pieces) + "\n")


def golden(name: str, found: str) -> None:
    path = SAMPLES / name
    if os.environ.get("GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8"), f"{name} has changed: look at it, then run with GOLDEN=1."


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        (("reminder_1", "firm"), "firm"),
        (("courtesy_notice", "firm"), "neutral"),  # firm → neutral → warm
        (("receipt", "firm"), "warm"),
        (("receipt", "neutral"), "warm"),  # neutral → warm → firm: of two that are as near, the kinder
        (("formal_notice", "neutral"), "firm"),
        (("formal_notice", "warm"), "firm"),
        (("statement", "warm"), "neutral"),  # warm → neutral → firm
    ],
)
def test_a_tone_that_a_text_does_not_have_falls_back_on_the_nearest(asked: tuple[str, str], spoken: str) -> None:
    place = Place(asked[0], "email", "fr", "consumer", asked[1])
    assert speaks(place, creditor=1, own={}).place.tone == spoken
    assert house_text("fr", "consumer", *asked) == house_text("fr", "consumer", asked[0], spoken)


def test_the_order_of_tones_is_said_once_and_whole() -> None:
    assert {tone: order[0] for tone, order in NEAREST.items()} == {tone: tone for tone in NEAREST}
    assert all(set(order) == set(NEAREST) for order in NEAREST.values())


def test_a_letter_says_what_the_e_mail_says_unless_it_has_its_own_words() -> None:
    assert house_text("fr", "business", "reminder_1", "warm", medium="letter") == house_text(
        "fr", "business", "reminder_1", "warm"
    )
    own = house_text("fr", "business", "formal_notice", "firm", medium="letter")
    assert own != house_text("fr", "business", "formal_notice", "firm")
    assert "lettre" in own


@pytest.mark.parametrize(
    "asked", [("nothing", "warm", "email"), ("formal_notice", "firm", "sms"), ("receipt", "warm", "call")]
)
def test_what_has_no_text_says_so(asked: tuple[str, str, str]) -> None:
    key, tone, medium = asked
    with pytest.raises(UnableToCompose, match=key), override("en"):
        house_text("fr", "consumer", key, tone, medium=medium)


def test_no_text_threatens_or_shames() -> None:
    threats = r"huissier|commissaire de justice|tribunal|saisie|injonction|poursuite|bailiff|court\b|seiz|lawsuit"
    shame = (
        r"honte|mauvais payeur|inadmissible|inacceptable|négligen|mauvaise foi|shame|unacceptable|bad faith|negligen"
    )
    for place in ALL:
        assert not re.search(f"{threats}|{shame}", house_source(place), re.IGNORECASE), place.file


def test_whoever_is_asked_to_pay_is_told_to_forget_it_if_they_have_paid() -> None:
    for place in ALL:
        source = house_source(place)
        if place.key.startswith("reminder") and place.medium == "email":
            assert "[paid" in source, place.file
    for language, word in (("fr", "oubliez"), ("en", "forget")):
        words = (Path(SAMPLES).parent.parent.parent / f"amiable/outreach/library/words.{language}.yaml").read_text()
        assert word in words


def test_every_text_message_names_its_sender_first_and_says_how_to_stop() -> None:
    for place in ALL:
        if place.medium == "sms":
            source = house_source(place).strip()
            assert source.startswith("{{ creditor.name }}"), place.file
            assert source.endswith("{{ sms_stop }}"), place.file
            assert len(re.findall(r"_url \}\}", source)) == 1, place.file


def test_a_script_asks_whom_it_speaks_with_before_it_names_a_sum() -> None:
    for place in ALL:
        if place.medium == "call" and place.key != "call":
            parts = re.split(r"^# ", house_source(place), flags=re.M)[1:]
            assert len(parts) == 5, place.file
            opening, check_whom = parts[0], parts[1]
            assert not re.search(r"to_pay|promise\.amount|first\.", opening + check_whom), place.file
            if place.audience == "consumer":
                assert "creditor.name" not in opening, place.file
