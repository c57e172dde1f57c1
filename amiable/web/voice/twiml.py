"""What a call does next, in Twilio's own language (www.twilio.com/docs/voice/twiml): sentences, questions, the card.

In: words and addresses. Out: XML. Never: a word that could be read as markup.
"""

from collections.abc import Sequence
from decimal import Decimal
from xml.etree import ElementTree as Xml

from django.utils.translation import gettext as _

VOICES = {"fr": "fr-FR", "en": "en-GB"}
PATIENCE = "8"  # seconds without a key
TRIES = "3"  # of one field of the card


class Voice:
    """One answer, put together in the order in which it is carried out."""

    def __init__(self, language: str) -> None:
        self.language = VOICES.get(language[:2], VOICES["en"])
        self._root = Xml.Element("Response")

    def say(self, *sentences: str) -> "Voice":
        self._say(self._root, sentences)
        return self

    def ask(self, to: str, *sentences: str, one_key: bool = False) -> "Voice":
        """A question answered on the keys; without an answer the same address is asked with none."""
        how = {"numDigits": "1"} if one_key else {"finishOnKey": "#"}
        how |= {"input": "dtmf", "action": to, "method": "POST", "timeout": PATIENCE, "actionOnEmptyResult": "true"}
        asked = Xml.SubElement(self._root, "Gather", how)
        self._say(asked, sentences)
        return self

    def dial(self, number: str, *, shows: str, then: str = "") -> "Voice":
        how = {"callerId": shows, "timeout": "25"} | ({"action": then, "method": "POST"} if then else {})
        Xml.SubElement(self._root, "Dial", how).text = number
        return self

    def pay(
        self, *, amount: Decimal, currency: str, connector: str, description: str, then: str, tells: str
    ) -> "Voice":
        """The card, field by field: Twilio hears the keys, we do not."""
        asked = Xml.SubElement(
            self._root, "Pay", input="dtmf", paymentMethod="credit-card", chargeAmount=str(amount), currency=currency.lower(),
            paymentConnector=connector, description=description, postalCode="false", securityCode="true",
            maxAttempts=TRIES, timeout=PATIENCE, language=self.language, action=then, statusCallback=tells,
        )  # fmt: skip
        for field, wrong, sentence in _card():
            error = {"errorType": wrong} if wrong else {}
            self._say(Xml.SubElement(asked, "Prompt", {"for": field, **error}), [sentence])
        return self

    def hang_up(self) -> "Voice":
        Xml.SubElement(self._root, "Hangup")
        return self

    def __str__(self) -> str:
        return '<?xml version="1.0" encoding="UTF-8"?>' + Xml.tostring(self._root, encoding="unicode")

    def _say(self, under: Xml.Element, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            Xml.SubElement(under, "Say", language=self.language).text = sentence


def _card() -> list[tuple[str, str, str]]:
    """What is asked for each field of a card, and what is said when it was typed wrongly."""
    number, day, code = "payment-card-number", "expiration-date", "security-code"
    return [
        (number, "", _("Please type the number of your card, then the hash key.")),
        (number, "timeout", _("We heard no number. Please type the number of your card, then the hash key.")),
        (number, "invalid-card-number invalid-card-type", _("This number is not right. Please type it once more.")),
        (day, "", _("Now the day on which the card ends: two digits for the month, two for the year.")),
        (day, "timeout invalid-date", _("This date is not right. Two digits for the month, two for the year.")),
        (code, "", _("Now the security code, on the back of your card.")),
        (code, "timeout invalid-security-code", _("This code is not right. Please type it once more.")),
        ("payment-processing", "", _("Thank you. Your bank is being asked; please stay on the line.")),
    ]
