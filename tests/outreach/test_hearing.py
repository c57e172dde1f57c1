"""E-mails read as they come: machines and people, words and quotations, days and amounts, and what is made to break us."""

import time
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.outreach import intents
from amiable.outreach.channel import Heard, Word
from amiable.outreach.read import read
from amiable.outreach.sift import sift
from amiable.outreach.strip import strip
from amiable.outreach.understand import amounts, days, reason
from amiable.outreach.unwrap import KEPT, MOST_PARTS, Mail, clean, identity, text_of_html, unwrap

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)  # a Wednesday
ON = NOW.date()


def opened(raw: bytes | str, **more: int) -> Mail:
    return unwrap(raw.encode() if isinstance(raw, str) else raw, received=NOW, **more)


def heard(raw: bytes | str) -> Heard:
    found = sift(opened(raw))
    assert isinstance(found, Heard)
    return found


def word(raw: bytes | str) -> Word:
    found = sift(opened(raw))
    assert isinstance(found, Word)
    return found


# -- bytes ---------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=3_000))
def test_whatever_the_bytes_are_they_become_a_mail(raw: bytes) -> None:
    mail = opened(raw)
    assert isinstance(sift(mail), Word | Heard)
    assert "\0" not in mail.text + mail.subject + mail.sender + mail.external_id
    (mail.text + mail.subject + mail.sender).encode()  # no half of a pair


_FIELDS = st.sampled_from(
    ["Content-Type: multipart/mixed; boundary=b", "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
     "Content-Type: text/html; charset=utf-16", "Content-Type: text/plain; charset=nonsense",
     "Content-Transfer-Encoding: base64",
     "Content-Type: message/rfc822", "Content-Type: message/delivery-status", "Subject: =?utf-8?b?////?=",
     "Subject: =?x?q?=00?=",
     "Date: Mon, 99 Foo 20262 99:99:99 +9999", "From: =?utf-8?q?a?= <a@b>", "Message-ID: <x", "To: ,,,;", "", "--b", "--b--",
     "Content-Disposition: attachment; filename*=utf-8''%00%FF", "Action: failed", "Status: 5.1.1", "X-Failed-Recipients: a@b"]
)  # fmt: skip


@given(st.lists(st.one_of(_FIELDS, st.text(max_size=40)), max_size=40))
def test_broken_mime_is_read_as_far_as_it_goes(lines: list[str]) -> None:
    raw = "\r\n".join(lines).encode("utf-8", "surrogatepass")
    mail = opened(raw)
    assert isinstance(sift(mail), Word | Heard)
    assert mail.external_id == identity(raw)


def test_ten_thousand_parts_are_counted_not_opened() -> None:
    parts = "".join(f"--b\nContent-Type: image/png\n\nx{n}\n" for n in range(10_000))
    mail = opened(
        f"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\nBonjour\n{parts}--b--\n"
    )
    assert mail.text.strip() == "Bonjour"
    assert len(mail.files) == MOST_PARTS - 1


def test_parts_within_parts_without_end_are_nobodys_letter() -> None:
    nested = "".join(f"--b{n}\nContent-Type: multipart/mixed; boundary=b{n + 1}\n\n" for n in range(2_000))
    mail = opened(f"From: a@b.example\nSubject: Bonjour\nContent-Type: multipart/mixed; boundary=b0\n\n{nested}")
    assert (mail.subject, mail.sender, mail.text) == ("Bonjour", "a@b.example", "")
    assert mail.trouble


def test_an_e_mail_within_the_e_mail_is_one_attachment() -> None:
    inner, outer = EmailMessage(), EmailMessage()
    inner["Subject"], inner["From"] = "Facture", "x@y.example"
    inner.set_content("Ne pas lire ceci comme une réponse.")
    outer["From"] = "a@b.example"
    outer.set_content("Voir le message joint.")
    outer.add_attachment(inner)
    mail = opened(outer.as_bytes())
    assert mail.text.strip() == "Voir le message joint."
    assert [file.media_type for file in mail.files] == ["message/rfc822"]


def test_scripts_styles_and_comments_are_not_words() -> None:
    page = (
        "<style>p{}</style><script>alert('x')</script><p onclick=x()>Je paie <b>vendredi</b>&nbsp;!</p><!-- no -->"
        "<img src=x onerror=alert(1)><iframe src=//evil></iframe>"
        "<blockquote>Votre <i>facture</i><blockquote>avant</blockquote></blockquote>"
    )
    made = EmailMessage()
    made["From"] = "a@b.example"
    made.set_content(page, subtype="html")
    mail = opened(made.as_bytes())
    assert mail.text.split("\n")[0].replace("\xa0", " ") == "Je paie vendredi !"
    assert "alert" not in mail.text
    assert strip(mail.text).replace("\xa0", " ") == "Je paie vendredi !"


@given(st.text(alphabet="<>/!-&;#abdiptv \n\"'=", max_size=400))
def test_no_page_is_too_broken_to_be_read(page: str) -> None:
    assert isinstance(text_of_html(page), str)


def test_deep_pages_end_soon() -> None:
    assert isinstance(text_of_html("<div>" * 200_000), str)


@pytest.mark.parametrize(
    ("charset", "body", "says"),
    [("utf-8", "déjà réglé".encode("latin-1"), "déjà réglé"), ("us-ascii", "déjà réglé".encode(), "déjà réglé"),
     ("klingon", "déjà réglé".encode(), "déjà réglé"), ("iso-8859-15", "250 €".encode("iso-8859-15"), "250 €"),
     ("rot13", b"bonjour", "bonjour")],
)  # fmt: skip
def test_a_wrong_character_set_is_seen_through(charset: str, body: bytes, says: str) -> None:
    head = (
        f"From: a@b.example\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n".encode()
    )
    assert opened(head + body).text == says


def test_what_is_too_large_to_keep_is_told_by_name_and_size() -> None:
    made = EmailMessage()
    made["From"] = "a@b.example"
    made.set_content("Ci-joint")
    for name in ("one.bin", "two.bin"):
        made.add_attachment(b"x" * (KEPT - 100), maintype="application", subtype="octet-stream", filename=name)
    mail = opened(made.as_bytes())
    assert [bool(file.content) for file in mail.files] == [True, False]
    assert mail.sizes == (KEPT - 100, KEPT - 100)


def test_dates_that_cannot_be_are_not_believed() -> None:
    for said in (
        "Tue, 17 Nov 2026 10:00:00 +0100",
        "Thu, 1 Jan 1970 00:00:00 +0000",
        "Fri, 1 Jan 2100 00:00:00 +0000",
        "soon",
    ):
        at = opened(f"From: a@b.example\nDate: {said}\n\nx").at
        assert (at == NOW) == (said[:3] != "Tue")


def test_text_is_made_fit_for_a_database_and_a_page() -> None:
    assert clean("a\0b\ud800c\u202ed\r\ne\x1b[31m") == "abcd\ne[31m"


# -- machines ------------------------------------------------------------------------------------------------------------

EXIM = """From: Mail Delivery System <Mailer-Daemon@mx.example>
To: relance@helia.example
X-Failed-Recipients: anna@example.org
Auto-Submitted: auto-replied
Subject: Mail delivery failed: returning message to sender
Message-ID: <exim@mx.example>

A message that you sent could not be delivered to one or more of its recipients. This is a permanent error.

  anna@example.org
    550 5.1.1 <anna@example.org>: Recipient address rejected: User unknown

------ This is a copy of the message ------
Message-ID: <m1@helia.example>
"""
QMAIL = """From: MAILER-DAEMON@mx.example
Subject: failure notice
Message-ID: <qmail@mx.example>

Hi. This is the qmail-send program at mx.example.
<anna@example.org>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.
Message-ID: <m1@helia.example>
"""
FULL = """From: postmaster@orange.example
Subject: Non remis : Votre facture
In-Reply-To: <m1@helia.example>
Message-ID: <full@mx.example>

La boîte de réception de ce destinataire est pleine. 552 5.2.2 quota exceeded
"""


@pytest.mark.parametrize(("raw", "permanent"), [(EXIM, True), (QMAIL, True), (FULL, False)])
def test_bounces_that_keep_to_no_standard(raw: str, permanent: bool) -> None:
    said = word(raw)
    assert (said.kind, said.message_external_id, said.permanent) == ("bounced", "<m1@helia.example>", permanent)


@pytest.mark.parametrize(
    "header",
    ["Auto-Submitted: auto-replied", "X-Autoreply: yes", "Precedence: auto_reply", "Subject: Absence du bureau",
     "X-Autorespond: x",
     "Subject: Réponse automatique : Votre facture", "Subject: Out of office",
     "Subject: Automatic reply: your invoice", "Precedence: bulk"],
)  # fmt: skip
def test_answers_of_machines(header: str) -> None:
    assert heard(f"From: a@b.example\n{header}\n\nJe suis absent jusqu'au 30 novembre.").automatic


@pytest.mark.parametrize(
    "raw",
    ["From: a@b.example\nSubject: Re: Votre facture\n\nJe vous confirme mon absence de dette.",
     "From: a@b.example\nAuto-Submitted: auto-generated\nSubject: Avis de virement\n\nVirement de 100 €",
     "From: a@b.example\nAuto-Submitted: no\n\nBonjour",
     "From: postmaster@b.example\nSubject: Bonjour\n\nJe suis le postmaster."],
)  # fmt: skip
def test_answers_of_people_and_notices_are_for_a_person(raw: str) -> None:
    assert not heard(raw).automatic


def test_an_answer_that_tells_of_a_failed_delivery_is_an_answer() -> None:
    assert heard(
        "From: client@b.example\nSubject: Re: facture\n\nThe goods could not be delivered, 550 kg are missing."
    )


# -- words ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Je paie vendredi.\n\nLe mar. 3 mars 2026 à 10:12, Hélia <r@helia.example> a écrit :\n> Votre facture",
        "Je paie vendredi."),
        ("Paid.\n\nOn Tue, 3 Mar 2026 at 10:12, Helia\n<r@helia.example> wrote:\n\n> Your invoice\n> Regards", "Paid."),
        ("Ok\n\nDe : Hélia <r@helia.example>\nEnvoyé : mardi 3 mars\nÀ : Anna\nObjet : Facture\n\nVotre facture", "Ok"),
        ("Ok\n________________________________\nFrom: Helia\nSent: Tuesday\nTo: Anna\nSubject: Invoice\n\nText", "Ok"),
        ("-----Message d'origine-----\nDe : x\n\n", "-----Message d'origine-----\nDe : x"),
        ("Réglé hier.\n\nCordialement,\nAnna Lefèvre\nComptable\n01 02 03 04 05", "Réglé hier."),
        ("Réglé.\n-- \nAnna", "Réglé."),
        ("Fait.\n\nEnvoyé de mon iPhone", "Fait."),
        ("Le 3 mars, Hélia a écrit :\n> Avez-vous payé ?\n\nOui, hier.", "Oui, hier."),
        ("> Quand ?\nVendredi\n> Combien ?\n250 €", "Vendredi\n250 €"),
        ("Bonjour,\nCe message est confidentiel, merci.", "Bonjour,"),
        ("Payé.\n\nBest regards\nJohn\n\nPS: I also paid F-2.", "Payé.\n\nPS: I also paid F-2."),
        ("Merci", "Merci"),
        ("Cordialement", "Cordialement"),
    ],
)  # fmt: skip
def test_what_was_written_now(text: str, words: str) -> None:
    assert strip(text) == words


@given(st.text(max_size=500))
def test_where_there_was_something_to_read_something_is_left(text: str) -> None:
    assert bool(strip(text)) == bool(text.strip())


@pytest.mark.parametrize(
    ("said", "day"),
    [("vendredi", 20), ("ce vendredi au plus tard", 20), ("by Friday", 20), ("next Friday", 27), ("demain", 19),
     ("après-demain", 20),
     ("tomorrow", 19), ("le 25", 25), ("on the 25th", 25), ("fin du mois", 30), ("end of the month", 30), ("dans 10 jours", 28),
     ("sous huitaine", 26), ("sous 48 h", 20), ("within five working days", 25), ("la semaine prochaine", 27), ("25/11", 25),
     ("25.11.2026", 25), ("2026-11-25", 25), ("le 25 novembre", 25), ("November 25th", 25), ("lundi en huit", 30),
     ("in one week", 25)],
)  # fmt: skip
def test_days_to_come(said: str, day: int) -> None:
    assert days(f"Je paierai {said}.", on=ON) == [date(2026, 11, day)]


@pytest.mark.parametrize(
    ("said", "day"),
    [("in two weeks", date(2026, 12, 2)), ("le 15", date(2026, 12, 15)), ("fin de mois prochain", date(2026, 12, 31)),
     ("mi-décembre", date(2026, 12, 15)), ("début janvier", date(2027, 1, 5)), ("le 3 mars", date(2027, 3, 3)),
     ("5/1", date(2027, 1, 5))],
)  # fmt: skip
def test_days_of_months_to_come(said: str, day: date) -> None:
    assert days(said, on=ON) == [day]


@pytest.mark.parametrize(
    ("said", "day"),
    [("hier", date(2026, 11, 17)), ("on Monday", date(2026, 11, 16)), ("le 3 mai", date(2026, 5, 3)),
     ("le 30", date(2026, 10, 30)),
     ("il y a deux semaines", date(2026, 11, 4)), ("two weeks ago", date(2026, 11, 4)), ("le 12/11", date(2026, 11, 12))],
)  # fmt: skip
def test_days_that_have_been(said: str, day: date) -> None:
    assert days(said, on=ON, past=True) == [day]


@pytest.mark.parametrize(
    "said", ["06 12 34 56 78", "facture 2024-11", "mon virement", "le 31/02", "99/99", "12 rue du 4", "v 1.2.3"]
)
def test_what_is_no_day(said: str) -> None:
    assert days(said, on=ON) == []


@given(st.text(max_size=300), st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_a_promise_is_never_of_a_day_that_is_over(text: str, on: date) -> None:
    assert all(on <= day <= on + timedelta(days=400) for day in days(text, on=on))
    assert all(day <= on for day in days(text, on=on, past=True))


@pytest.mark.parametrize(
    ("said", "minor"),
    [("250 €", [25_000]), ("1.250,50", [125_050]), ("1 250,50 EUR", [125_050]), ("€1,250.50", [125_050]), ("EUR 300", [30_000]),
     ("300 euros le 5 puis 200€ le 20", [30_000, 20_000]), ("06 12 34 56 78", []), ("F-20241100", []), ("$300", []),
     ("1.250 €", [125_000]),
     ("500,00 le 15.12.2026", [50_000]), ("10 % de 3", [])],
)  # fmt: skip
def test_amounts(said: str, minor: list[int]) -> None:
    assert amounts(said, currency="EUR") == minor


@given(st.text(max_size=300))
def test_amounts_of_anything_are_more_than_nothing(text: str) -> None:
    assert all(value > 0 for value in amounts(text, currency="EUR"))
    assert reason(text)


# -- meaning -------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=400))
def test_chances_add_up_and_every_intent_has_one(text: str) -> None:
    said = intents.propose(text)
    assert sorted(each.intent for each in said) == sorted(intents.INTENTS)
    assert sum(each.confidence for each in said) == pytest.approx(1, abs=1e-4)
    assert said == sorted(said, key=lambda each: -each.confidence)


def test_an_answer_is_read_with_its_day_and_its_amount() -> None:
    said = read("Bonjour, je vous vire 250 € vendredi prochain.", on=ON)
    assert (said.intent, said.understood["ahead"], said.understood["amount_minor"]) == ("promise", "2026-11-20", 25_000)
    paid = read("I paid this on 3 November by bank transfer.", on=ON)
    assert (paid.intent, paid.understood["past"]) == ("already_paid", "2026-11-03")
    away = read("Je suis en congés du 20 novembre au 4 décembre.", on=ON, automatic=True)
    assert (away.intent, away.understood["ahead"]) == ("out_of_office", "2026-12-04")


@pytest.mark.parametrize(
    "text", ["111 " * 30_000, "1.234," * 20_000, "le " * 40_000, "On " * 40_000, "x" * 100_000, "(" * 90_000]
)
def test_long_nonsense_ends_soon(text: str) -> None:
    begun = time.monotonic()
    read(strip(text), on=ON)
    assert time.monotonic() - begun < 3
