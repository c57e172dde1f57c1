"""The intent model's card says what is measured, and the model is worth its place."""

import pytest

from amiable.outreach import intents
from tools import intents as tool


def test_the_card_is_what_is_measured() -> None:
    text = tool.CARD.read_text(encoding="utf-8")
    assert text == tool.renewed(text, tool.report()), "stale: run python tools/intents.py measure"


def test_nothing_that_is_measured_on_was_learnt() -> None:
    """Nor anything so near that it would have been enough to remember it."""
    asked = [(text, pieces(text)) for _intent, _language, text in tool.unseen() + tool.apart()]
    for _intent, _language, text in tool.learnt():
        mine = pieces(text)
        near = [other for other, theirs in asked if mine and len(mine & theirs) > 0.65 * len(mine | theirs)]
        assert not near, (text, near)


def pieces(text: str) -> set[str]:
    return {text.lower()[at : at + 4] for at in range(len(text) - 3)}


def test_there_are_sixty_texts_of_each_intent() -> None:
    for intent in intents.INTENTS:
        assert sum(each[0] == intent for each in tool.learnt()) >= 60, intent


def test_it_is_right_on_most_texts_that_it_has_not_seen() -> None:
    right = [intents.propose(text)[0].intent in tool.UNSEEN[intent] for intent, _language, text in tool.unseen()]
    assert sum(right) / len(right) >= 0.80


@pytest.mark.long
def test_the_model_is_what_the_texts_teach() -> None:
    """Learnt anew, it says the same of nearly every text: the numbers of two machines differ in their last places."""
    anew = tool.fit(tool.learnt())
    texts = [text for _intent, _language, text in tool.unseen() + tool.apart()]
    same = 0
    for text in texts:
        scores = anew["weights"] @ intents.vector(text, anew["rarity"]) + anew["bias"]
        same += intents.INTENTS[int(scores.argmax())] == intents.propose(text)[0].intent
    assert same >= 0.97 * len(texts)
