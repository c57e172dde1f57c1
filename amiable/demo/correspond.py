"""Some customers write back in the last days of the replay, so that the visitor finds answers to read.

In: the messages of a day. Out: e-mails as a mailbox would bring them. Never: an act that the people of the demo live by;
what they pay and promise is theirs, these are left to the visitor.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from amiable.demo.stage import Act, Stage
from amiable.ledger.models import Invoice
from amiable.outreach.models import Delivery
from amiable.scenario.respond import reply_heard

LAST_DAYS = 3
EACH_DAY = 6
LETTERS = (
    "Bonjour,\n\nDésolé pour le retard. La facture {invoice} sera réglée par virement {soon}.\n\nCordialement,\n{name}",
    "Bonjour, nous contestons la facture {invoice} : deux cartons manquaient à la livraison. Merci de nous établir un avoir.",
    "cest deja payé depuis le {past}, verifiez svp",
    "Bonjour,\nNous n’avons jamais reçu la facture {invoice}. Pourriez-vous nous en adresser une copie ?\nMerci d’avance",
    "Madame, Monsieur,\n\nNotre trésorerie est tendue. Serait-il possible de régler en trois fois ?\n\nBien à vous,\n{name}",
    "Bonjour, je viens de perdre mon emploi et je ne sais pas comment je vais pouvoir payer.",
    "C’est la troisième relance en deux semaines, c’est du harcèlement. Je veux parler à un responsable.",
    "Notre société a été placée en redressement judiciaire par jugement du tribunal de commerce. Voyez avec le mandataire.",
    "Je ne travaille plus au service comptable, merci d’écrire à mon successeur.",
    "Bonjour, quel est votre IBAN ? Nous voulons faire le virement aujourd’hui.",
    "Merci de ne plus m’écrire à cette adresse.",
    "Bien reçu, je regarde et je reviens vers vous.",
)
QUOTED = "\n\nLe {day}, {creditor} a écrit :\n> {subject}\n> Merci de votre règlement."


def correspond(stage: Stage, day: int) -> list[Act]:
    """What is written back to the e-mails of this day, if it is one of the last."""
    if day < stage.world.days - 1 - LAST_DAYS:
        return []
    rows = Delivery.objects.filter(
        message__creditor=stage.creditor, message__medium="email", started_at__gte=stage.at(day, 0), outcome="accepted"
    ).exclude(message__about=[])
    answered = rows.select_related("message__customer").order_by("message_id")[:EACH_DAY]
    first = (stage.world.days - day) * EACH_DAY
    return [
        Act(stage.at(day, 11 + n, 20), _writes(stage, row, LETTERS[(first + n) % len(LETTERS)]))
        for n, row in enumerate(answered)
    ]


def _writes(stage: Stage, row: Delivery, letter: str) -> Callable[[datetime], None]:
    message = row.message

    def do(now: datetime) -> None:
        today = now.date()
        told = {
            "invoice": Invoice.objects.get(pk=message.about[0]).reference,
            "soon": f"le {today + timedelta(days=7):%d/%m}",
            "past": f"{today - timedelta(days=4):%d/%m}",
            "name": message.customer.name,
            "day": f"{message.as_of:%d/%m/%Y}",
            "creditor": stage.creditor.name,
            "subject": message.subject,
        }
        reply_heard(
            source=f"mailbox:{stage.creditor.pk}", external_id=f"<answer-{message.pk}@customers.example>",
            sender=message.address, subject=f"Re: {message.subject}", text=(letter + QUOTED).format(**told), at=now, now=now,
            answers=[row.external_id], creditor=stage.creditor.pk, recipient=stage.creditor.email,
        )  # fmt: skip
        stage.counts["answers"] += 1

    return do
