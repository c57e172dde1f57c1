"""SMS over OVHcloud's interface, spoken to a server on loopback that checks signatures and keeps state."""

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.http import HttpRequest, QueryDict
from django.test import RequestFactory
from django.utils import translation

from amiable.core.errors import NotConfigured, Refused, Unavailable
from amiable.outreach import ask
from amiable.outreach.channel import AddressRefused, Heard, InDoubt, OptedOut, Parcel, Unreachable, Word
from amiable.outreach.channels.sms_ovh import SmsOvh
from tests.outreach.peers import Ovh

NOW = datetime(2025, 11, 20, 10, 35, tzinfo=UTC)
PARCEL = Parcel(
    key="step:1", recipient="06 12 34 56 78", recipient_name="Anna Martin", sender_name="Lumen Énergie", reply_to="",
    language="fr", subject="", text="Lumen : la facture F-1 attend. https://lumen.example/p/1/", html="",
    unsubscribe_url="https://lumen.example/u/1/", at=NOW, country="FR", report_url="https://lumen.example/hooks/1/",
)  # fmt: skip


@pytest.fixture
def ovh() -> Iterator[Ovh]:
    with Ovh() as peer:
        yield peer


def label(setting: str) -> str:
    return re.escape(f"“{SmsOvh.Config.base_fields[setting].label}”")


def told(channel: SmsOvh, **hint: str) -> list[Word | Heard]:
    return list(channel.events(RequestFactory().get("/hooks/", hint)))


def test_a_text_is_handed_over_signed_with_their_time(ovh: Ovh) -> None:
    with SmsOvh(ovh.config()) as channel:
        receipt = channel.send(PARCEL)
        channel.send(replace(PARCEL, key="step:2"))
    first, second = ovh.jobs
    assert first["receivers"] == ["+33612345678"]
    assert first["message"] == PARCEL.text
    assert (first["sender"], first["senderForResponse"], first["noStopClause"]) == ("Lumen", False, True)
    assert first["tag"] == receipt.external_id == channel.message_id("step:1") != second["tag"]
    assert receipt.detail == "OVHcloud 26929925, 1 SMS, credits 1, 99 left"
    assert [path for _method, path in ovh.asked].count("/1.0/auth/time") == 1


def test_letters_outside_ascii_are_signed_as_they_are_sent(ovh: Ovh) -> None:
    with SmsOvh(ovh.config()) as channel:
        channel.send(replace(PARCEL, text="Échéance dépassée : 12 € 😀"))
    assert ovh.jobs[0]["message"] == "Échéance dépassée : 12 € 😀"
    assert ovh.jobs[0]["coding"] == "8bit"


def test_marketing_carries_the_clause(ovh: Ovh) -> None:
    with SmsOvh(ovh.config(marketing=True)) as channel:
        channel.send(PARCEL)
    assert ovh.jobs[0]["noStopClause"] is False


def test_without_a_sender_it_leaves_from_a_short_number_and_carries_no_link(ovh: Ovh) -> None:
    with SmsOvh(ovh.config(sender="")) as channel:
        with pytest.raises(Refused, match="sender"):
            channel.send(PARCEL)
        channel.send(replace(PARCEL, text="Appelez-nous au 04 72 00 00 01."))
    assert len(ovh.jobs) == 1
    assert ovh.jobs[0]["senderForResponse"] is True
    assert "sender" not in ovh.jobs[0]


@pytest.mark.parametrize("number", ["04 72 00 00 01", "no number", ""])
def test_what_takes_no_texts_is_refused_before_any_call(ovh: Ovh, number: str) -> None:
    with SmsOvh(ovh.config()) as channel, pytest.raises(AddressRefused):
        channel.send(replace(PARCEL, recipient=number))
    assert not ovh.asked


def test_a_name_is_not_shown_in_north_america(ovh: Ovh) -> None:
    with SmsOvh(ovh.config()) as channel, pytest.raises(Refused, match="no name"):
        channel.send(replace(PARCEL, recipient="+15142345678"))
    assert not ovh.asked


def test_a_text_longer_than_six_is_refused_before_any_call(ovh: Ovh) -> None:
    with SmsOvh(ovh.config()) as channel, pytest.raises(Refused, match="6 SMS"):
        channel.send(replace(PARCEL, text="a" * 919))
    assert not ovh.asked


def test_a_number_that_they_do_not_take_is_told_apart_from_one_that_said_stop(ovh: Ovh) -> None:
    ovh.blacklisted["+33600000036"] = "2025-11-01T09:00:00+01:00"
    with SmsOvh(ovh.config()) as channel:
        with pytest.raises(AddressRefused, match=r"\+33600000404"):
            channel.send(replace(PARCEL, recipient="+33600000404"))
        with pytest.raises(OptedOut, match="STOP"):
            channel.send(replace(PARCEL, recipient="+33600000036"))


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [
        ({"application_key": "other"}, "application_key"),
        ({"application_secret": "other"}, "application_secret"),
        ({"consumer_key": "other"}, "consumer_key"),
        ({"sender": "Unknown"}, "sender"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_more_is_tried(ovh: Ovh, wrong: dict[str, str], setting: str) -> None:
    with SmsOvh(ovh.config(**wrong)) as channel, pytest.raises(Unreachable, match=label(setting)):
        channel.send(PARCEL)
    assert not ovh.jobs


@pytest.mark.parametrize(
    "wrong", [{"service": "Lumen"}, {"sender": "A name too long"}, {"sender": "12345"}, {"application_key": ""}]
)
def test_a_setting_that_cannot_be_is_named_before_the_first_text(ovh: Ovh, wrong: dict[str, str]) -> None:
    with translation.override("en"), pytest.raises(NotConfigured, match=label(next(iter(wrong)))):
        SmsOvh(ovh.config(**wrong))


def test_no_credits_left_stops_everything(ovh: Ovh) -> None:
    ovh.behaves = lambda method, path: (400, {"message": "Not enough credit"}) if method == "POST" else None
    with SmsOvh(ovh.config()) as channel, pytest.raises(Unreachable, match="credits"):
        channel.send(PARCEL)


@pytest.mark.parametrize(("status", "error"), [(429, Unavailable), (503, Unavailable), (500, InDoubt), (504, InDoubt)])
def test_a_fault_of_theirs_is_in_doubt_unless_they_say_that_they_took_nothing(
    ovh: Ovh, status: int, error: type[Exception]
) -> None:
    ovh.behaves = lambda method, path: (status, {}) if method == "POST" else None
    with SmsOvh(ovh.config()) as channel, pytest.raises(error) as caught:
        channel.send(PARCEL)
    assert not isinstance(caught.value, Unreachable)


def test_a_connection_closed_without_an_answer_is_in_doubt(ovh: Ovh) -> None:
    ovh.behaves = lambda method, path: (0, None) if method == "POST" else None
    with SmsOvh(ovh.config()) as channel, pytest.raises(InDoubt):
        channel.send(PARCEL)


def test_a_silence_after_the_words_is_in_doubt(ovh: Ovh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "TIMEOUT", (1.0, 0.3))
    answers = threading.Event()
    ovh.behaves = lambda method, path: (answers.wait(5) and None) or None if method == "POST" else None
    try:
        with SmsOvh(ovh.config()) as channel, pytest.raises(InDoubt):
            channel.send(PARCEL)
    finally:
        answers.set()


def test_a_refused_connection_is_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with SmsOvh(Ovh.config(_nobody(port))) as channel, pytest.raises(Unreachable):
        channel.send(PARCEL)


def test_delivery_is_looked_up_and_not_believed(ovh: Ovh) -> None:
    with SmsOvh(ovh.config()) as channel:
        channel.send(PARCEL)
        [word] = told(
            channel, **(ovh.delivered() | {"ptt": "23", "description": "2"})
        )  # the call lies, the look-up does not
        assert isinstance(word, Word)
        assert (word.kind, word.message_external_id, word.external_id) == (
            "delivered",
            channel.message_id("step:1"),
            "26929925:1:4",
        )
        with pytest.raises(Refused, match="does not know"):
            told(channel, id="1", ptt="4")
        with pytest.raises(Refused, match="names no text"):
            told(channel, id="../jobs", ptt="4")


@pytest.mark.parametrize(
    ("receipt", "ptt", "kind", "permanent"),
    [
        (0, 0, "queued", False), (4, 1, "queued", False), (8, 3, "sent", False), (1, 4, "delivered", False),
        (2, 23, "bounced", True), (2, 27, "bounced", True), (2, 24, "bounced", False), (2, 8, "bounced", False),
        (2, 28, "failed", False), (16, 20, "failed", False),
    ],
)  # fmt: skip
def test_states_are_told_in_our_words(ovh: Ovh, receipt: int, ptt: int, kind: str, permanent: bool) -> None:
    with SmsOvh(ovh.config()) as channel:
        channel.send(PARCEL)
        [word] = told(channel, **ovh.delivered(ptt=ptt, receipt=receipt))
    assert isinstance(word, Word)
    assert (word.kind, word.permanent) == (kind, permanent)


def test_an_answer_is_fetched_with_the_text_that_it_answers(ovh: Ovh) -> None:
    with SmsOvh(ovh.config(sender="")) as channel:
        channel.send(replace(PARCEL, text="Appelez-nous."))
        ovh.answered("STOP", sender="0612345678")
        [heard] = told(channel, senderid="36111", number="anything")
    assert isinstance(heard, Heard)
    assert (heard.sender, heard.text, heard.answers) == ("+33612345678", "STOP", (channel.message_id("step:1"),))
    assert heard.at == datetime(2025, 11, 20, 10, 32, tzinfo=UTC)


def test_a_stop_to_their_clause_is_heard_once_it_stands_on_their_list(ovh: Ovh) -> None:
    with SmsOvh(ovh.config()) as channel:
        assert told(channel, number="+33612345678") == []
        ovh.blacklisted["+33612345678"] = "2025-11-20T11:40:00+01:00"
        first, again = told(channel, number="0033612345678"), told(channel, number="33612345678")
    assert first == again
    [heard] = first
    assert isinstance(heard, Heard)
    assert (heard.sender, heard.text) == ("+33612345678", "STOP")


def test_a_virtual_number_has_a_line_of_its_own(ovh: Ovh) -> None:
    ovh.line = "/virtualNumbers/0033755000001"
    with SmsOvh(ovh.config(sender="+33755000001")) as channel:
        channel.send(PARCEL)
        [word] = told(channel, **ovh.delivered())
        ovh.answered("Merci")
        [heard] = told(channel, number="0612345678")
    assert isinstance(word, Word)
    assert isinstance(heard, Heard)
    assert (word.kind, heard.text, heard.recipient) == ("delivered", "Merci", "+33755000001")
    assert not {"sender", "senderForResponse", "noStopClause"} & ovh.jobs[0].keys()


@pytest.mark.parametrize("content", [[], {}, {"status": "ok"}, "yes"])
def test_a_yes_in_a_form_that_nobody_knows_is_in_doubt(ovh: Ovh, content: object) -> None:
    ovh.behaves = lambda method, path: (200, content) if method == "POST" else None
    with SmsOvh(ovh.config()) as channel, pytest.raises(InDoubt):
        channel.send(PARCEL)


def _nobody(port: int) -> Ovh:
    class Nobody(Ovh):
        root = f"http://127.0.0.1:{port}"

        def __post_init__(self) -> None:
            """Nobody listens."""

    return Nobody()


def test_a_bare_request_tells_nothing(ovh: Ovh) -> None:
    request = HttpRequest()
    request.POST = QueryDict()
    with SmsOvh(ovh.config()) as channel:
        assert list(channel.events(request)) == []
