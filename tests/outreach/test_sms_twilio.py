"""SMS over Twilio's interface, spoken to a server on loopback that checks the account and signs its calls."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from amiable.core.errors import NotConfigured, Refused, Unavailable
from amiable.outreach.channel import AddressRefused, Heard, InDoubt, OptedOut, Parcel, Unreachable, Word
from amiable.outreach.channels.sms_twilio import SmsTwilio
from tests.outreach.peers import Twilio

NOW = datetime(2025, 11, 20, 10, 35, tzinfo=UTC)
HOOK = "https://lumen.example/hooks/channel/7/sms_twilio/"
PARCEL = Parcel(
    key="step:1", recipient="06 12 34 56 78", recipient_name="Anna Martin", sender_name="Lumen Énergie", reply_to="",
    language="fr", subject="", text="Lumen : la facture F-1 attend. https://lumen.example/p/1/", html="",
    unsubscribe_url="https://lumen.example/u/1/", at=NOW, country="FR", report_url=HOOK,
)  # fmt: skip


@pytest.fixture
def twilio(settings: Settings) -> Iterator[Twilio]:
    settings.BASE_URL = "https://lumen.example"
    with Twilio() as peer:
        yield peer


def called(peer: Twilio, url: str, values: dict[str, str], **headers: str) -> HttpRequest:
    """The request as it arrives behind our proxy."""
    return RequestFactory().post(
        url.removeprefix("https://lumen.example"), urlencode(values), content_type="application/x-www-form-urlencoded",
        headers=peer.call(url, values) | headers,
    )  # fmt: skip


def test_a_text_is_handed_over_and_says_where_to_report(twilio: Twilio) -> None:
    with SmsTwilio(twilio.config()) as channel:
        receipt = channel.send(PARCEL)
    [text] = twilio.texts
    assert (text["To"], text["From"], text["Body"]) == ("+33612345678", "+33700000001", PARCEL.text)
    assert text["StatusCallback"] == f"{HOOK}?message={receipt.external_id}"
    assert receipt.external_id == channel.message_id("step:1")
    assert receipt.detail == f"Twilio {text['sid']}, 1 SMS"


def test_a_messaging_service_chooses_the_number(twilio: Twilio) -> None:
    with SmsTwilio(twilio.config(sender=twilio.senders[2])) as channel:
        channel.send(PARCEL)
    assert twilio.texts[0]["MessagingServiceSid"] == twilio.senders[2]
    assert "From" not in twilio.texts[0]


@pytest.mark.parametrize("number", ["04 72 00 00 01", "no number", ""])
def test_what_takes_no_texts_is_refused_before_any_call(twilio: Twilio, number: str) -> None:
    with SmsTwilio(twilio.config()) as channel, pytest.raises(AddressRefused):
        channel.send(replace(PARCEL, recipient=number))
    assert not twilio.asked


def test_a_name_is_not_shown_in_north_america(twilio: Twilio) -> None:
    with SmsTwilio(twilio.config(sender="Lumen")) as channel, pytest.raises(Refused, match="no name"):
        channel.send(replace(PARCEL, recipient="+15142345678"))
    assert not twilio.asked


@pytest.mark.parametrize(
    ("number", "error", "says"),
    [
        ("+33600021211", AddressRefused, "21211"),
        ("+33600021614", AddressRefused, "21614"),
        ("+33600021610", OptedOut, "STOP"),
        ("+33600021408", Refused, "21408"),
        ("+33600020429", Unavailable, "later"),
    ],
)
def test_refusals_are_told_apart(twilio: Twilio, number: str, error: type[Exception], says: str) -> None:
    with SmsTwilio(twilio.config()) as channel, pytest.raises(error, match=says) as caught:
        channel.send(replace(PARCEL, recipient=number))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [({"auth_token": "other"}, "auth_token"), ({"sender": "+33700000009"}, "sender")],
)
def test_a_wrong_setting_is_named(twilio: Twilio, wrong: dict[str, str], setting: str) -> None:
    named = re.escape(str(SmsTwilio.Config.base_fields[setting].label))
    with SmsTwilio(twilio.config(**wrong)) as channel, pytest.raises(Unreachable, match=named):
        channel.send(PARCEL)


@pytest.mark.parametrize("wrong", [{"account_sid": "AC1"}, {"sender": "A name too long"}, {"auth_token": ""}])
def test_a_setting_that_cannot_be_is_named_before_the_first_text(twilio: Twilio, wrong: dict[str, str]) -> None:
    with pytest.raises(NotConfigured):
        SmsTwilio(twilio.config(**wrong))


@pytest.mark.parametrize(
    ("status", "error"),
    [(0, InDoubt), (200, InDoubt), (500, InDoubt), (429, Unavailable), (503, Unavailable)],
)
def test_a_fault_of_theirs(twilio: Twilio, status: int, error: type[Exception]) -> None:
    twilio.behaves = lambda _method, _path: (status, {})
    with SmsTwilio(twilio.config()) as channel, pytest.raises(error):
        channel.send(PARCEL)


@pytest.mark.parametrize(
    ("state", "code", "kind", "permanent"),
    [
        ("queued", 0, "queued", False), ("sending", 0, "queued", False), ("sent", 0, "sent", False),
        ("delivered", 0, "delivered", False), ("undelivered", 30003, "bounced", False), ("undelivered", 30004, "failed", False),
        ("undelivered", 30005, "bounced", True), ("undelivered", 30006, "bounced", True), ("undelivered", 30007, "failed", False),
        ("undelivered", 30008, "bounced", False), ("failed", 21610, "complained", False), ("failed", 0, "failed", False),
    ],
)  # fmt: skip
def test_states_are_told_in_our_words(twilio: Twilio, state: str, code: int, kind: str, permanent: bool) -> None:
    with SmsTwilio(twilio.config()) as channel:
        receipt = channel.send(PARCEL)
        url, said = twilio.told(state, code=code)
        [word] = channel.events(called(twilio, url, said))
    assert isinstance(word, Word)
    assert (word.kind, word.permanent, word.message_external_id) == (kind, permanent, receipt.external_id)
    assert word.external_id == f"{said['MessageSid']}:{state}"


def test_an_answer_is_heard(twilio: Twilio) -> None:
    said = twilio.answered("Je paie vendredi", sender="+33612345678")
    [heard] = SmsTwilio(twilio.config()).events(called(twilio, HOOK, said))
    assert isinstance(heard, Heard)
    assert (heard.sender, heard.recipient, heard.text) == ("+33612345678", "+33700000001", "Je paie vendredi")
    assert heard.external_id == said["MessageSid"]


def test_a_word_that_the_account_declared_to_mean_stop_is_a_stop(twilio: Twilio) -> None:
    said = twilio.answered("Basta", sender="+33612345678") | {"OptOutType": "STOP"}
    [heard] = SmsTwilio(twilio.config()).events(called(twilio, HOOK, said))
    assert isinstance(heard, Heard)
    assert heard.text == "STOP"
    assert heard.raw["Body"] == "Basta"


def test_a_call_that_twilio_did_not_sign_is_refused(twilio: Twilio) -> None:
    channel, said = SmsTwilio(twilio.config()), twilio.answered("STOP", sender="+33612345678")
    good = called(twilio, HOOK, said)
    with Twilio(token="other") as stranger:
        pass
    assert len(list(channel.events(good))) == 1
    for forged in (
        called(twilio, HOOK, said, **{"X-Twilio-Signature": ""}),
        called(twilio, HOOK, said | {"From": "+33600000001"}, **twilio.call(HOOK, said)),
        called(twilio, HOOK.replace("/7/", "/8/"), said, **twilio.call(HOOK, said)),
        called(twilio, HOOK, said, **stranger.call(HOOK, said)),
        called(twilio, HOOK, said | {"AccountSid": "AC" + "0" * 32}),
    ):
        with pytest.raises(Refused):
            list(channel.events(forged))


def test_the_signature_is_the_one_of_twilios_own_example(settings: Settings) -> None:
    """The example of their documentation of webhooks, with the token 12345."""
    settings.BASE_URL = "https://mycompany.com"
    said = {
        "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309", "To": "+18005551212",
    }  # fmt: skip
    channel = SmsTwilio({"account_sid": "AC" + "0" * 32, "auth_token": "12345", "sender": "+14158675309"})
    request = RequestFactory().post(
        "/myapp.php?foo=1&bar=2", urlencode(said), content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
    )  # fmt: skip
    assert list(channel.events(request)) == []  # believed, and about nothing that we know


def test_values_given_twice_and_empty_ones_are_part_of_the_signature(twilio: Twilio) -> None:
    said = twilio.answered("", sender="+33612345678") | {"ZipCode": "", "Zone": "é&=+ "}
    assert len(list(SmsTwilio(twilio.config()).events(called(twilio, HOOK, said)))) == 1
