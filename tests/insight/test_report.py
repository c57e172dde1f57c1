"""The page of direction that goes along with the week's summary: made once, sent once, kept as it was sent, and ended."""

import io
from datetime import timedelta
from email.message import EmailMessage

import pytest
from pypdf import PdfReader

from amiable.core.models import Role, Scope, User
from amiable.insight import report
from amiable.insight.digest import digest
from amiable.insight.measure import measure
from amiable.insight.models import Report
from amiable.ledger.keep import place_of
from amiable.ledger.models import Creditor
from amiable.outreach import memo
from amiable.outreach.models import Memo
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
    said = text_of(post.to(ada.email)[0])
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


def test_it_is_ended_after_two_years(world: World) -> None:
    measured(world)
    (kept,) = report.papers([world.house], language="fr", as_of=DAY, now=at(DAY), most=10**6)
    assert report.forget(as_of=DAY + report.KEPT) == 0
    assert report.forget(as_of=later(report.KEPT.days + 1)) == 1
    assert not Report.objects.exists()
    assert not place_of(kept["sha256"]).exists()
