"""The page of direction that goes along with the week's summary: made once, sent once, kept as it was sent, and ended."""

import io
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from pypdf import PdfReader

from amiable.core.apart import Apart, SomeFailed
from amiable.core.models import Role, Scope, User
from amiable.insight import digest as digests
from amiable.insight import report, weekly
from amiable.insight.board import Board
from amiable.insight.digest import digest
from amiable.insight.measure import measure
from amiable.insight.models import Report
from amiable.ledger.keep import place_of
from amiable.ledger.models import Creditor
from amiable.outreach import memo
from amiable.outreach.draft import Page, Row
from amiable.outreach.models import Memo
from amiable.portfolio.models import Membership
from tests import world as worlds
from tests.conftest import Post, text_of
from tests.world import DAY, World, at, later

pytestmark = pytest.mark.django_db(transaction=True)


def chief(name: str, *of: Creditor, language: str = "en") -> User:
    user = User.objects.create(username=name, first_name=name.title(), email=f"{name}@helia.example", language=language)
    for each in of:
        Scope.objects.create(user=user, role=Role.MANAGER, creditor_ref=each.pk)
    return user


def run(day: object = DAY) -> None:
    digest(as_of=day, now=at(day))  # type: ignore[arg-type]
    memo.carry(now=at(day))  # type: ignore[arg-type]


def measured(world: World) -> None:
    worlds.invoice(world.anna, 12_300, due_on=DAY - timedelta(days=40))
    measure(as_of=DAY, now=at(DAY))


def said_by(letter: EmailMessage) -> str:
    return text_of(letter).replace("\r\n", "\n")


def enclosed(letter: EmailMessage) -> dict[str, bytes]:
    return {str(part.get_filename()): part.get_payload(decode=True) for part in letter.iter_attachments()}  # type: ignore[misc]


def test_it_goes_along_once_and_the_same_for_all_of_one_language(world: World, post: Post) -> None:
    measured(world)
    ada, ben = chief("ada", world.house), chief("ben", world.house)
    carla = chief("carla", world.house, world.neighbour, language="fr")
    run()
    (ours,) = (enclosed(letter) for letter in post.to(ada.email) if "week" in letter["Subject"])
    assert list(ours) == ["direction-helia-2026-03-02.pdf"]
    page = PdfReader(io.BytesIO(ours["direction-helia-2026-03-02.pdf"]))
    assert len(page.pages) == 1
    assert "€123.00" in page.pages[0].extract_text()
    assert [enclosed(letter) for letter in post.to(ben.email)] == [ours]
    (both,) = post.to(carla.email)
    assert sorted(enclosed(both)) == ["direction-helia-2026-03-02.pdf", "direction-voisin-2026-03-02.pdf"]
    assert enclosed(both)["direction-helia-2026-03-02.pdf"] not in ours.values()  # in French
    said = said_by(post.to(ada.email)[0])
    assert "DSO" in said
    assert "The page of direction goes along" in said
    assert "/unsubscribe/" in post.to(ada.email)[0]["List-Unsubscribe"]
    # What was sent is kept, and neither made nor sent again.
    kept = Report.objects.get(creditor=world.house, content__language="en")
    assert place_of(kept.content["sha256"]).read_bytes() in ours.values()
    run()
    assert (Report.objects.count(), len(post.letters())) == (3, 3)


def test_where_nothing_was_measured_nothing_goes_along(world: World, post: Post) -> None:
    ada = chief("ada", world.house)
    Creditor.objects.filter(pk=world.house.pk).update(stopped_at=at(DAY), stopped_why="a doubt")
    run()
    (letter,) = post.to(ada.email)
    assert enclosed(letter) == {}
    assert not Report.objects.exists()


def test_it_is_never_larger_than_stated(world: World, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(world)
    ada = chief("ada", world.house)
    monkeypatch.setattr(memo, "MOST_BYTES", 1_000)
    run()
    (letter,) = post.to(ada.email)
    assert enclosed(letter) == {}
    said = said_by(letter)
    assert "PAGES OF DIRECTION THAT DO NOT GO ALONG" in said
    assert f"- {world.house.name}\n  larger than mail servers take" in said
    assert f"/figures/direction/?creditor={world.house.pk}" in said
    assert "goes along with this e-mail" not in said
    with pytest.raises(memo.UnableToAttach):
        memo.write(key="k", to=ada, subject="s", text="t", html="h", now=at(DAY), attached=[{"size": 1_001}])


def test_what_promises_a_page_does_not_leave_without_it(world: World, post: Post) -> None:
    measured(world)
    chief("ada", world.house)
    digest(as_of=DAY, now=at(DAY))
    place_of(Report.objects.get().content["sha256"]).unlink()
    memo.carry(now=at(DAY))
    assert post.letters() == []
    assert Memo.objects.get().state == "failed"
    assert "jointe" in Memo.objects.get().verdict or "go along" in Memo.objects.get().verdict


def test_a_page_that_cannot_be_drawn_costs_nobody_else_anything(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ada leads the creditor whose page fails and another one, Ben leads that one only; the day says so when all are served."""
    worlds.invoice(world.nadia, 4_500, due_on=DAY - timedelta(days=40))
    measured(world)
    ada, ben = chief("ada", world.house, world.neighbour), chief("ben", world.neighbour)
    drawn = report.board_pdf

    def breaks(board: Board, *, made_at: datetime) -> bytes:
        if board.asked.creditor == world.house:
            raise ZeroDivisionError
        return drawn(board, made_at=made_at)

    monkeypatch.setattr(report, "board_pdf", breaks)
    with pytest.raises(SomeFailed, match="1 failed, the rest is done: the page of direction of helia in en"):
        digest(as_of=DAY, now=at(DAY))
    for user in (ada, ben):  # they have left already: the day stops at the error
        (letter,) = post.to(user.email)
        assert list(enclosed(letter)) == ["direction-voisin-2026-03-02.pdf"]
    assert f"- {world.house.name}\n  could not be made" in said_by(post.to(ada.email)[0])
    assert world.house.name not in said_by(post.to(ben.email)[0])


def test_one_colleague_or_creditor_of_whom_nothing_can_be_told_stops_nobody(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(world)
    ada, ben = chief("ada", world.house, world.neighbour), chief("ben", world.house)
    Creditor.objects.update(stopped_at=at(DAY), stopped_why="a doubt")
    stopped, ordered = weekly._stopped, digests._order

    def stuck(creditor: Creditor, *more: Any) -> list[Row]:
        if creditor == world.neighbour:
            raise ZeroDivisionError
        return stopped(creditor, *more)

    def order(page: Page, *, user: User, **more: Any) -> bool:
        if user == ben:
            raise ZeroDivisionError
        return ordered(page, user=user, **more)

    monkeypatch.setattr(weekly, "_stopped", stuck)
    monkeypatch.setattr(digests, "_order", order)
    with pytest.raises(SomeFailed, match="2 failed"):
        digest(as_of=DAY, now=at(DAY))
    said = said_by(post.to(ada.email)[0])
    assert f"COULD NOT BE TOLD THIS WEEK\n\n- {world.neighbour.name}" in said
    assert f"{world.house.name} – Stopped or stuck".upper() in said.upper()
    assert post.to(ben.email) == []
    monkeypatch.undo()
    run()  # whoever got nothing gets it the next time
    assert len(post.to(ben.email)) == len(post.to(ada.email)) == 1


def test_a_board_is_reckoned_once_for_all_of_one_language(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(world)
    for name, language in (("ada", "en"), ("ben", "en"), ("carla", "fr")):
        chief(name, world.house, language=language)
    shown, asked = report.show, []

    def show(**words: Any) -> Board:
        asked.append(words["creditor"])
        return shown(**words)

    monkeypatch.setattr(report, "show", show)
    run()
    assert asked == [world.house] * 2
    assert len(post.letters()) == 3


def test_overdue_is_told_once_a_currency_beside_its_own_total_of_the_week_before(world: World, post: Post) -> None:
    """Two customers in two segments, measured as the day does."""
    for who, segment, minor in ((world.anna, "forgetful", 12_300), (world.boris, "unwilling", 45_600)):
        worlds.invoice(who, minor, due_on=DAY - timedelta(days=40), issued_on=DAY - timedelta(days=70))
        Membership.objects.create(customer=who, currency="EUR", segment=segment, since=DAY - timedelta(days=90))
    for minor, days in ((1_000, 3), (2_000, 8)):  # late since the day before yesterday; and since a week ago
        due = DAY - timedelta(days=days)
        worlds.invoice(world.anna, minor, due_on=due, issued_on=DAY - timedelta(days=30))
    for day in (DAY - timedelta(days=8), DAY - timedelta(days=7), DAY - timedelta(days=1)):
        measure(as_of=day, now=at(day))
    ada = chief("ada", world.house)
    run()
    said = said_by(post.to(ada.email)[0])
    assert [line for line in said.splitlines() if line.startswith("Overdue:")] == [
        "Overdue: €609.00 (+€30.00 in a week)"
    ]


def test_it_is_ended_after_two_years(world: World) -> None:
    measured(world)
    told = report.papers(
        [world.house], boards=report.Boards(DAY), apart=Apart(), language="fr", now=at(DAY), most=10**6
    )  # fmt: skip
    (kept,) = told.along
    assert report.forget(as_of=DAY + report.KEPT) == 0
    assert report.forget(as_of=later(report.KEPT.days + 1)) == 1
    assert not Report.objects.exists()
    assert not place_of(kept["sha256"]).exists()
