"""Money as a person matches it: proposals by number, Enter confirms, u takes back; nobody leaves the keyboard."""

import pytest
from playwright.sync_api import expect

from amiable.ledger.models import Credit, Creditor, Invoice
from amiable.scenario import match_up
from amiable.web.ui import clock
from tests.browser.conftest import LOOKS, Open, arrived
from tests.browser.test_desk_browser import flaws_at
from tests.web import desk_rows as rows
from tests.web.test_desk_money import looked_at, money

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def ours(live_server: object) -> Creditor:
    return rows.creditor("ours", cash_authority="bank")


def test_a_morning_of_matching_by_keyboard(open_desk: Open, ours: Creditor) -> None:
    anna, boris = rows.customer(ours, "Anna Lefèvre"), rows.customer(ours, "Boris SARL")
    one, two = rows.invoice(anna, 5_000, late=3), rows.invoice(boris, 5_000, late=3)
    older = money(ours, 7_500, "inconnu", received_on=clock.today())
    newer = money(ours, 5_000, "merci")
    looked_at(ours)
    page = open_desk(rows.colleague("vera", ours))
    page.goto("/money/")
    expect(page.get_by_role("heading", name="Whose money is it?")).to_be_visible()
    page.keyboard.press("j")
    arrived(page, f"/money/{older.pk}/")
    page.keyboard.press("ArrowUp")
    arrived(page, f"/money/{newer.pk}/")
    page.keyboard.press("2")
    arrived(page, "choose=2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("matched with 1 invoice")).to_be_visible()
    left = {row.pk: row.open_minor for row in Invoice.objects.all()}
    assert sorted(left.values()) == [0, 5_000]
    page.keyboard.press("u")
    expect(page.get_by_text("the money waits again")).to_be_visible()
    assert [Invoice.objects.get(pk=row.pk).open_minor for row in (one, two)] == [5_000, 5_000]
    page.keyboard.press("/")
    page.keyboard.type("lefèvre")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="This one")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="Give to Anna Lefèvre")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Anna Lefèvre: matched with 1 invoice")).to_be_visible()
    page.keyboard.press("x")
    expect(page.get_by_role("heading", name="All money has found its place")).to_be_visible()
    assert not Credit.objects.filter(customer=None, open_minor__gt=0).exists()


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    open_desk: Open, ours: Creditor, theme: str, size: dict[str, int]
) -> None:
    anna, boris = rows.customer(ours, "Anna Lefèvre et compagnie des transports"), rows.customer(ours, "Boris SARL")
    for late in (3, 40, 90):
        rows.invoice(anna, 5_000 + late, late=late)
    rows.invoice(boris, 5_003, late=1)
    first = money(ours, 5_003, "VIR SEPA DE ANNA LEFEVRE ET CIE TRANSPORTS REF 2026/00012/ABC MERCI BEAUCOUP")
    looked_at(ours)
    done = money(ours, 5_040, "?")
    match_up.give(credit=done, customer=anna, parts={}, now=clock.now(), by=rows.colleague("vic", ours))
    page = open_desk(rows.colleague("vera", ours), viewport=size, color_scheme=theme)
    found = []
    for address in (
        "/money/",
        f"/money/{first.pk}/?customer={anna.pk}",
        f"/money/{first.pk}/?who=a",
        "/money/?show=done",
    ):
        found += flaws_at(page, address)
    assert not found, "\n".join(found)
