#!/usr/bin/env python3
"""The model behind `outreach/intents.py`: `fit` learns it from tools/texts, `measure` writes its figures into its card.

Nothing is drawn at random: the same texts give the same model. The texts of tools/texts/unseen.csv and apart.*.txt are
never learnt from.
"""

import csv
import random
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from amiable.outreach import intents  # noqa: E402
from amiable.outreach.intents import INTENTS, LETTERS, WIDTH, WORDS, vector  # noqa: E402

TEXTS = ROOT / "tools" / "texts"
CARD = ROOT / "docs" / "algorithms" / "intents.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
LANGUAGES = ("fr", "en")
FOLDS = 5
ROUNDS, STEP, SHRINK = 150, 0.05, 2e-5
CUE_WEIGHT = 1.0
HELLO = {
    "fr": (
        "Bonjour,",
        "Bonjour Madame,",
        "Madame, Monsieur,",
        "Bjr",
        "Bonjour, suite à votre message :",
        "Suite à votre relance,",
    ),
    "en": (
        "Hello,",
        "Hi,",
        "Dear Sir or Madam,",
        "Good morning,",
        "Regarding your reminder,",
        "In reply to your email,",
    ),
}
AFTER = {
    "fr": (
        "Merci.",
        "Merci d'avance.",
        "Bonne journée.",
        "Je reste à votre disposition.",
        "Dans l'attente de votre retour.",
        "Facture 4410",
    ),
    "en": (
        "Thanks.",
        "Many thanks.",
        "Have a good day.",
        "Please let me know.",
        "I look forward to hearing from you.",
        "Invoice 4410",
    ),
}
# What the 120 unseen texts call each intent. They know no insolvency: it is among their hardships, as opting out is among
# their complaints.
UNSEEN = {
    "promise_to_pay": {"promise"},
    "already_paid": {"already_paid"},
    "dispute": {"dispute"},
    "request_document": {"copy"},
    "payment_plan": {"plan"},
    "hardship": {"hardship", "insolvency"},
    "wrong_contact": {"wrong_person"},
    "out_of_office": {"out_of_office"},
    "complaint_optout": {"complaint", "opt_out"},
    "how_to_pay": {"how_to_pay"},
}
Text = tuple[str, str, str]  # intent, language, words


def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) == 2 else ""
    if wanted == "fit":
        np.savez_compressed(intents.MODEL, **fit(learnt()))
        print(f"{intents.MODEL.name}: {intents.MODEL.stat().st_size // 1000} kB from {len(learnt())} texts")
    elif wanted == "measure":
        text = CARD.read_text(encoding="utf-8")
        CARD.write_text(renewed(text, report()), encoding="utf-8")
        print(report())
    else:
        sys.exit("usage: tools/intents.py fit | measure")


def learnt() -> list[Text]:
    return [one for language in LANGUAGES for one in _read(f"learn.{language}.txt", language)]


def apart() -> list[Text]:
    return [one for language in LANGUAGES for one in _read(f"apart.{language}.txt", language)]


def unseen() -> list[Text]:
    with (TEXTS / "unseen.csv").open(encoding="utf-8", newline="") as file:
        return [(row["intent"], row["lang"], row["text"]) for row in csv.DictReader(file)]


def fit(texts: list[Text]) -> dict[str, Any]:
    """Weights, bias, rarity, and the temperature that makes confidences honest on texts that a fold had not learnt."""
    scores = np.zeros((len(texts), len(INTENTS)), dtype=np.float32)
    for fold in range(FOLDS):
        kept = [one for place, one in enumerate(texts) if place % FOLDS != fold]
        model = _learn(kept)
        for place in range(fold, len(texts), FOLDS):
            scores[place] = model["weights"] @ vector(texts[place][2], model["rarity"]) + model["bias"]
    truth = np.array([INTENTS.index(one[0]) for one in texts])
    model = _learn(texts)
    model["temperature"] = np.float32(_temperature(scores, truth))
    model["learnt_accuracy"] = np.float32((scores.argmax(axis=1) == truth).mean())
    return {name: value.astype(np.float16) if name == "weights" else value for name, value in model.items()}


def _learn(texts: list[Text]) -> dict[str, Any]:
    many = [(intent, words) for intent, language, text in texts for words in _written(text, language)]
    rarity = _rarity([words for _intent, words in many])
    rows = np.stack([vector(words, rarity) for _intent, words in many])
    truth = np.zeros((len(many), len(INTENTS)), dtype=np.float32)
    truth[np.arange(len(many)), [INTENTS.index(intent) for intent, _words in many]] = 1
    weights, bias = _descend(rows, truth)
    return {"weights": weights, "bias": bias, "rarity": rarity}


def _written(text: str, language: str) -> Iterator[str]:
    """The text as other people would have written it: in a letter, in a hurry, with slips."""
    chance = random.Random(text)
    yield text
    yield f"{chance.choice(HELLO[language])} {text} {chance.choice(AFTER[language])}"
    bare = "".join(s for s in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(s))
    yield re.sub(r"[.,;:!]", "", bare)
    yield f"{chance.choice(HELLO[language])}\n{_slips(text, chance)}"


def _slips(text: str, chance: random.Random) -> str:
    """Every tenth word or so with two letters changed over, or one lost or doubled."""
    words = text.split(" ")
    for place, word in enumerate(words):
        if len(word) < 5 or chance.random() > 0.12:
            continue
        at = chance.randrange(1, len(word) - 2)
        words[place] = chance.choice(
            [
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[:at] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
            ]
        )
    return " ".join(words)


def _rarity(texts: list[str]) -> Any:
    seen = np.zeros(WIDTH, dtype=np.float32)
    for text in texts:
        seen += vector(text, np.ones(WIDTH, dtype=np.float32)) > 0
    rarity = np.log((1 + len(texts)) / (1 + seen)) + 1
    rarity[WORDS + LETTERS :] = 1
    return rarity.astype(np.float32)


def _descend(rows: Any, truth: Any) -> tuple[Any, Any]:
    """Multinomial logistic regression, by Adam on all texts at once; the cues count a little less than they would like."""
    scale = np.ones(WIDTH, dtype=np.float32)
    scale[WORDS + LETTERS :] = CUE_WEIGHT
    rows = rows * scale
    shape = (truth.shape[1], WIDTH)
    weights, first, second = (np.zeros(shape, dtype=np.float32) for _ in range(3))
    bias, first_b, second_b = (np.zeros(shape[0], dtype=np.float32) for _ in range(3))
    for turn in range(1, ROUNDS + 1):
        scores = rows @ weights.T + bias
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        off = (chances - truth) / len(rows)
        for value, slope, one, two in (
            (weights, off.T @ rows + SHRINK * weights, first, second),
            (bias, off.sum(axis=0), first_b, second_b),
        ):
            one += 0.1 * (slope - one)
            two += 0.001 * (slope * slope - two)
            value -= STEP * (one / (1 - 0.9**turn)) / (np.sqrt(two / (1 - 0.999**turn)) + 1e-8)
    return weights * scale, bias


def _temperature(scores: Any, truth: Any) -> float:
    """By how much scores are to be divided so that texts not learnt are the least surprising."""

    def surprise(by: float) -> float:
        scaled = scores / by
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(truth)), truth]).mean())

    return float(min(np.arange(0.3, 4.01, 0.05), key=surprise))


def renewed(text: str, told: str) -> str:
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    return f"{before}{BEGIN}\n{told}\n{END}{after}"


def report() -> str:
    """The figures of the card, as Markdown."""
    seen = [(intent, language, text) for intent, language, text in learnt()]
    sets = [
        ("the 120 unseen texts", unseen(), UNSEEN),
        ("the texts written apart", apart(), {name: {name} for name in INTENTS}),
    ]
    lines = [f"Learnt from {len(seen)} texts, {len(seen) // len(INTENTS) // 2} for each intent and language."]
    for name, texts, meant in sets:
        asked = [(intent, language, intents.propose(text)) for intent, language, text in texts]
        right = [
            (language, intent, said[0].confidence, said[0].intent in meant[intent], said)
            for intent, language, said in asked
        ]
        lines += ["", f"**On {name}** ({len(texts)})", "", "| | French | English | both |", "|---|---|---|---|"]
        lines.append(_line("right", right, lambda one: one[3]))
        lines.append(
            _line(
                "among the first two",
                right,
                lambda one, meant=meant: bool({each.intent for each in one[4][:2]} & meant[one[1]]),
            )
        )
        if meant is UNSEEN:
            strictly = sum(one[3] and not (one[1] == "hardship" and one[4][0].intent == "insolvency") for one in right)
            lines += ["", f"Were insolvency a mistake among the hardships, it would be {strictly / len(right):.0%}."]
        lines += ["", "| Intent | French | English | taken for |", "|---|---|---|---|"]
        for intent in meant:
            mine = [one for one in right if one[1] == intent]
            wrong = Counter(one[4][0].intent for one in mine if not one[3])
            taken = ", ".join(f"`{key}` {n}" for key, n in wrong.most_common())
            lines.append(f"| `{intent}` | {_of(mine, 'fr')} | {_of(mine, 'en')} | {taken} |")
        lines += ["", "| Confidence | texts | it says | it is right |", "|---|---|---|---|"]
        for low, high in ((0.0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 1.01)):
            mine = [one for one in right if low <= one[2] < high]
            if mine:
                says, is_right = (sum(one[place] for one in mine) / len(mine) for place in (2, 3))
                lines.append(f"| {low:.0%}–{min(high, 1):.0%} | {len(mine)} | {says:.0%} | {is_right:.0%} |")
    return "\n".join(lines)


def _line(name: str, right: list[Any], good: Any) -> str:
    cells = []
    for language in (*LANGUAGES, ""):
        mine = [one for one in right if not language or one[0] == language]
        cells.append(f"{sum(map(bool, map(good, mine))) / len(mine):.0%}")
    return f"| {name} | {' | '.join(cells)} |"


def _of(mine: list[Any], language: str) -> str:
    those = [one for one in mine if one[0] == language]
    return f"{sum(one[3] for one in those)} of {len(those)}"


def _read(name: str, language: str) -> Iterator[Text]:
    intent = ""
    for line in (TEXTS / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            intent = line.strip("[]")
            assert intent in INTENTS, line
        elif line.strip() and not line.startswith("#"):
            yield intent, language, line.replace("\\n", "\n")


if __name__ == "__main__":
    main()
