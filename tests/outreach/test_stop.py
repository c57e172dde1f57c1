"""STOP and its kin in two languages, and the sentences that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.outreach.stop import START, STOP, wish


@pytest.mark.parametrize(
    "text",
    [
        "STOP", "stop", " Stop. ", "STOP!!!", "«STOP»", "Stop SMS", "STOPSMS", "STOP 36111", "stop au 36180", "STOP STOP",
        "stop svp", "Stop, merci", "STOP ALL", "stopall", "ARRET", "Arrêt", "arrêtez", "Arrêtez les SMS", "ARRETER",
        "désabonner", "DESABO", "Me désabonner", "désinscription", "Désinscrire", "unsubscribe", "Unsubscribe please",
        "cancel", "END", "quit", "opt out", "OPT-OUT", "Stop texts", "stop messages",
    ],
)  # fmt: skip
def test_it_closes_the_number(text: str) -> None:
    assert wish(text) == "stop"


@pytest.mark.parametrize(
    "text", ["START", "Unstop", "start please", "Réabonner", "réabonnement", "opt-in", "Subscribe"]
)
def test_it_opens_the_number_again(text: str) -> None:
    assert wish(text) == "start"


@pytest.mark.parametrize(
    "text",
    [
        "", "…", "stop m'a dit mon comptable", "Stop, j'ai déjà payé", "On m'a dit stop hier", "je vous paie fin du mois, stop",
        "Stop ou encore ?", "the end of the month", "I cancel my order", "annulez ma commande", "Non stop", "quit claim",
        "don't stop", "ok", "oui", "YES", "merci", "Pourquoi STOP ?", "le bus s'arrête ici", "restart", "36111",
        "stop harcelement ou je porte plainte", "sms", "start the payment plan", "stop start", "stop" + " " * 300 + "ou encore",
    ],
)  # fmt: skip
def test_a_sentence_is_for_a_person(text: str) -> None:
    assert wish(text) == ""


@given(st.sampled_from(sorted(STOP | START)), st.text(alphabet=" .!?»«-\n", max_size=8))
def test_case_and_signs_around_it_change_nothing(word: str, signs: str) -> None:
    assert wish(signs + word.upper() + signs) == wish(word) != ""


@given(st.text(max_size=300))
def test_any_text_has_an_answer(text: str) -> None:
    assert wish(text) in ("", "stop", "start")
