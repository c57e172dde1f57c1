"""Some of those who are asked how it went tap a face, a few say more: by the page behind the link of the message.

In: the surveys of a day. Out: answers over HTTP, as customers give them. Never: a draw that the people of the demo live by.
"""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

import numpy as np

from amiable.casework import survey as surveys
from amiable.demo.stage import Act, Stage
from amiable.outreach.models import Message, MessageState

ANSWERED = 0.4  # of those who are asked
GOES_ON = 0.6  # of those who answer, to the second question
# How likely each face is, from the saddest, after what; else as after a call.
FACES = {
    "payment": (0.03, 0.05, 0.12, 0.42, 0.38),
    "plan": (0.03, 0.04, 0.13, 0.36, 0.44),
    "dispute": (0.12, 0.14, 0.22, 0.32, 0.20),
    "call": (0.06, 0.09, 0.20, 0.40, 0.25),
}
WORDS = {
    2: "Personne ne m’a rappelé.",
    4: "Trop de messages pour une petite somme.",
    6: "Correct, mais un peu long.",
    8: "Rapide et clair.",
    10: "Très aimable au téléphone, merci.",
}


def opine(stage: Stage, day: int) -> list[Act]:
    """What is thought by those who were asked on this day."""
    sent = Message.objects.filter(
        creditor=stage.creditor, purpose=surveys.PURPOSE, state=MessageState.SENT, sent_at__gte=stage.at(day, 0)
    )
    rng, acts = np.random.default_rng([stage.seed, day, 7]), []
    for message in sent.order_by("id"):
        asked = message.context["survey"]
        face = int(rng.choice(list(WORDS), p=FACES.get(asked["after"], FACES["call"])))
        advice = int(np.clip(face + rng.integers(-2, 2), 0, 10))
        answers, goes_on = rng.random(2)
        if answers < ANSWERED:
            page = f"/s/{surveys.token(ask=asked['ask'], asked_at=datetime.fromisoformat(asked['asked_at']))}/"
            more = {"recommend": advice, "words": WORDS[face]} if goes_on < GOES_ON else {}
            acts.append(Act(stage.at(day, 12 + int(rng.integers(0, 8))), _taps(stage, page, face, more)))
    return acts


def _taps(stage: Stage, page: str, face: int, more: dict[str, object]) -> Callable[[datetime], None]:
    def do(now: datetime) -> None:
        for told in ({"score": face}, more):
            if told:
                body = urlencode(told).encode()
                stage.call(page, body, {"Content-Type": "application/x-www-form-urlencoded"})
        stage.counts["surveys"] += 1

    return do
