"""What a customer wishes, proposed with a confidence, in French and English, by a small model that needs no network.

In: words. Out: intents, the likeliest first, with confidences that add up to one. Never: more than a proposal; a person
confirms. The model is numbers only (intents.npz), learnt by tools/intents.py from texts in this repository.
"""

import re
import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

INTENTS = (
    "promise",
    "already_paid",
    "dispute",
    "copy",
    "plan",
    "hardship",
    "wrong_person",
    "out_of_office",
    "complaint",
    "insolvency",
    "opt_out",
    "how_to_pay",
    "other",
)
MODEL = Path(__file__).with_name("intents.npz")
LONGEST = 3_000  # characters: a longer answer says what it wishes before
WORDS, LETTERS = 1 << 12, 1 << 13  # the places that words and groups of letters share
# Expressions of the trade, as a person who reads such answers all day would list them: on text without accents.
CUES = tuple(
    re.compile(cue)
    for cue in (
        r"\b(?:vire|virement|regl|paie|pay|sold|vers)\w* .{0,40}\b(?:demain|lundi|mardi|mercredi|jeudi"
        r"|vendredi|semaine|fin (?:de|du) mois|le \d)",
        r"\b(?:sera|seront|partira|partent|interviendra|recevrez|effectuerons|ferons|reglerons|paierai"
        r"|reglerai|procederons)\b",
        r"\b(?:will|going to|gonna|'ll|shall)\b .{0,30}\b(?:pay|paid|settle|clear|transfer|go out|made"
        r"|released|sent|sort)",
        r"\b(?:payment|pay) (?:run|batch|cycle)|campagne de (?:paiement|reglement)|echeance du|scheduled"
        r"|programme|prevu",
        r"\b(?:deja|bien) (?:ete )?(?:paye|regle|vire|acquitte|effectue|encaisse|solde)|a ete (?:paye"
        r"|regle|vire|debite|encaisse|acquitte)",
        r"\b(?:already|has been|have been|was|been) (?:been )?(?:paid|settled|transferred|debited|cashed"
        r"|cleared|sent)\b",
        r"\b(?:j'ai|nous avons|on a|avons) (?:deja |bien |tout )?(?:paye|regle|vire|envoye le"
        r"|fait le virement|effectue)",
        r"\b(?:i|we)(?:'ve| have)? (?:already )?(?:paid|settled|transferred"
        r"|sent (?:you )?the (?:transfer|payment|money))",
        r"preuve (?:de|du) (?:paiement|virement)|avis de virement|proof of payment|remittance advice|receipt for",
        r"contest|litige|disput|desaccord|disagree|errone|incorrect|\bfaux\b|wrong (?:amount|price"
        r"|quantity)|overcharg|object to",
        r"jamais (?:ete )?(?:livre|recu (?:la|le|les) (?:marchandise|colis|produit|livraison)|command)"
        r"|never (?:delivered|ordered|arrived)",
        r"\bavoir\b|credit note|malfacon|defectueu|abime|endommage|casse|damaged|broken|defective|faulty"
        r"|non conforme",
        r"duplicata|(?:copie|copy|duplicate|pdf|scan|exemplaire)\b|renvoy|resend|(?:send|email"
        r"|forward) (?:me|us|it|over|again)",
        r"(?:pas|jamais) recu .{0,20}facture|(?:not|never|n't) (?:received|had|got|have) .{0,20}invoice"
        r"|justificatif|bon de livraison",
        r"echeancier|etal|echelonn|mensualit|plusieurs fois|en (?:\d+|deux|trois|quatre|cinq|six"
        r"|dix) (?:fois|mensualites|versements)|\d+ ?x\b",
        r"instal+ment|payment plan|repayment|spread|in (?:\w+ )?(?:parts|stages)|per month|a month"
        r"|par mois|monthly|schedule",
        r"perdu mon (?:emploi|travail)|chomage|\brsa\b|malad|hospital|decede|deces|difficult|tresorerie"
        r"|precari|sans (?:revenu|ressource)",
        r"lost my job|unemploy|redundan|sick|illness|hospital|died|struggl|hardship|afford|benefits"
        r"|cash ?flow|no income|universal credit",
        r"(?:mauvais|bon|bonne) (?:numero|personne|adresse|destinataire|interlocuteur|service)|trompe"
        r"|erreur de destinataire|homonyme",
        r"wrong (?:person|number|address|email|recipient|company)|(?:no longer|not) (?:work|employ"
        r"|the right|our|mine|his)|left the (?:company|firm)",
        r"ne (?:travaille|fait|fais) plus|ne suis pas|pas (?:concerne|moi|client)|don't know (?:this"
        r"|you)|former (?:employee|tenant)",
        r"absen[ct]|conges?\b|vacances|de retour|mon retour|out of (?:the )?office|on leave|holiday"
        r"|\baway\b|back on|\booo\b|automatic|automatique",
        r"inadmissible|scandale|honte|harcel|plainte|reclamation|mediateur|avocat|inacceptable|mecontent"
        r"|insult|ton (?:de|que)",
        r"unacceptable|disgrac|harass|complain|ombudsman|solicitor|rude|appall|shame|outrag|threat",
        r"redressement|liquidation|sauvegarde|surendettement|banque de france|mandataire|liquidateur"
        r"|depot de bilan|depose le bilan|faillite",
        r"insolven|bankrupt|administrat(?:ion|or)|liquidat|receiver|winding|chapter 11|debt relief|\biva\b|cessation",
        r"^\W*stop\b|desinscri|desabonn|unsubscribe|opt out|(?:ne|n').{0,25}plus .{0,25}(?:mail|message"
        r"|courriel|sms|ecri|contact)",
        r"(?:stop|cease|no more|don't|do not|remove) .{0,25}(?:e-?mail|messag|text|contact|writ|list"
        r"|data)|rgpd|gdpr|mes donnees",
        r"\biban\b|\brib\b|\bbic\b|sort code|bank details|coordonnees bancaires|lien de paiement"
        r"|payment link|par carte|by card",
        r"(?:comment|how|ou|where|which|quel\w*) .{0,25}(?:pay|regl|vir|transfer|cheque|send the)|paypal|especes",
        r"\?\s*$",
        r"^\W*(?:ok|merci|thanks?|thank you|bien recu|well received|noted|d'accord)\b.{0,40}$",
    )
)
WIDTH = WORDS + LETTERS + len(CUES)


@dataclass(frozen=True)
class Proposal:
    intent: str
    confidence: float


def propose(text: str) -> list[Proposal]:
    """The intents, likeliest first. Nothing readable is `other`, and nobody can be sure of it."""
    model = _model()
    scores = model["weights"] @ vector(text, model["rarity"]) + model["bias"]
    scaled = scores / model["temperature"]
    chances = np.exp(scaled - scaled.max())
    chances /= chances.sum()
    order = np.argsort(-chances, kind="stable")
    return [Proposal(INTENTS[place], float(chances[place])) for place in order]


def vector(text: str, rarity: Any) -> Any:
    """The text as numbers: its words and pairs of words, its groups of letters, each weighted by rarity; its cues."""
    said = plain(text)
    found = np.zeros(WIDTH, dtype=np.float32)
    for counts, start, size in ((_words(said), 0, WORDS), (_letters(said), WORDS, LETTERS)):
        for piece, count in counts.items():
            place = zlib.crc32(piece.encode())
            found[start + place % size] += 1 + np.log(count)
        part = found[start : start + size]
        part *= rarity[start : start + size]
        length = float(np.sqrt((part * part).sum()))
        if length:
            part /= length
    found[WORDS + LETTERS :] = [bool(cue.search(said)) for cue in CUES]
    return found


def plain(text: str) -> str:
    """Lower case without accents; each number is one sign, so that amounts and dates are alike."""
    bare = unicodedata.normalize("NFKD", text[:LONGEST].lower().replace("’", "'").replace("œ", "oe"))
    kept = "".join(sign for sign in bare if not unicodedata.combining(sign))
    return re.sub(r"\d+", "0", re.sub(r"\s+", " ", kept)).strip()


def _words(said: str) -> Counter[str]:
    words = re.findall(r"\w+|[?!]", said)
    return Counter(words) + Counter(f"{one} {two}" for one, two in pairwise(words))


def _letters(said: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for word in re.findall(r"\w+", said):
        edged = f" {word} "
        for size in (3, 4, 5):
            counts.update(edged[start : start + size] for start in range(len(edged) - size + 1))
    return counts


@cache
def _model() -> dict[str, Any]:
    with np.load(MODEL, allow_pickle=False) as kept:
        return {name: kept[name].astype(np.float32) for name in kept.files}
