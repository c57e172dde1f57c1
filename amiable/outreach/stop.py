"""STOP and its kin: whether a short answer closes, or opens again, the number that it came from.

In: the text of an answer. Out: "stop", "start" or nothing. Pure.
Never: an opt-out read out of a sentence; "stop, j'ai payé" is for a person to read, "STOP." is not.
"""

import re
import unicodedata
from typing import Literal

Wish = Literal["", "stop", "start"]

# The whole answer is one of these, whatever its case, accents and signs: what operators and both languages use.
STOP = frozenset({
    "stop", "stopall", "stopsms", "stoppub", "stopp", "arret", "arrete", "arreter", "arretez", "arretesms",
    "desabonner", "desabonne", "desabo", "desabonnement", "desabonnez", "desinscription", "desinscrire", "desinscrit",
    "desinscrivez", "resilier", "unsubscribe", "unsub", "cancel", "end", "quit", "remove", "optout", "revoke",
})  # fmt: skip
START = frozenset({
    "start", "unstop", "subscribe", "resubscribe", "optin", "reabonner", "reabonnement", "reprendre",
})  # fmt: skip
# What may stand around the word without making it a sentence: politeness, and what is to be stopped.
AROUND = frozenset({
    "sms", "svp", "stp", "merci", "please", "pls", "thanks", "thank", "you", "all", "tout", "tous", "les", "le", "la",
    "l", "des", "d", "de", "mes", "vos", "messages", "message", "texto", "textos", "envois", "envoi", "a", "au",
    "aux", "moi", "me", "texts", "text", "everything",
})  # fmt: skip
NUMBER = re.compile(r"\d{5}")  # "STOP 36111": the short number that the operator's clause names
LONGEST = 5  # words
MOST = 200  # signs; whoever writes more has more to say


def wish(text: str) -> Wish:
    """What the sender wishes of us: `stop`, `start`, or nothing that could be read without a person."""
    words = _words(text) if len(text) <= MOST else []
    rest = [word for word in words if word not in AROUND and not NUMBER.fullmatch(word)]
    if len(words) > LONGEST or not rest:
        return ""
    if _are(rest, STOP):
        return "stop"
    return "start" if _are(rest, START) else ""


def _are(words: list[str], kin: frozenset[str]) -> bool:
    """Every word says it ("STOP STOP"), or they do so together ("opt out")."""
    return all(word in kin for word in words) or "".join(words) in kin


def _words(text: str) -> list[str]:
    bare = unicodedata.normalize("NFKD", text).casefold()
    letters = "".join(sign for sign in bare if not unicodedata.combining(sign))
    return re.findall(r"[a-z0-9]+", letters)
