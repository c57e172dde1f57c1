"""The bank as a person meets it: a statement brought, looked at, booked; doubts and gaps; and pages without flaws."""

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from amiable.payments.models import Statement, StatementLine
from tests.browser.conftest import LOOKS, Open
from tests.browser.test_desk_browser import flaws_at
from tests.payments import bank
from tests.payments.bank import DAY, IBAN, Move, camt
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
MOVES = [
    Move(1_240_00, "FACTURE F-2026-0143", payer="BOULANGERIE LEROY", end_to_end_id="LEROY-0143", structured="RF18C1042"),
    Move(-89_00, "PRLV IMPAYE F-2026-0098", payer="ANNA MARTIN", end_to_end_id="DD-98", reason="AM04", family="PMNT/IDDT/UPDD"),
    Move(700_00, "REMISE CHEQUE", payer="", payer_iban="", cheque="0001234", family="PMNT/RCHQ/CCHQ",
         value_on=DAY + timedelta(days=300)),
]  # fmt: skip


def test_a_statement_is_brought_looked_at_and_booked(open_desk: Open, tmp_path: Path) -> None:
    ours = rows.creditor("ours", iban=IBAN)
    file = tmp_path / "releve.xml"
    file.write_bytes(camt(MOVES, opening=10_000_00))
    page = open_desk(rows.colleague("vera", ours))
    page.goto("/bank/")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_text("BOULANGERIE LEROY")).to_be_visible()
    expect(page.get_by_text("€11,851.00")).to_be_visible()
    assert not Statement.objects.exists()
    page.get_by_role("button", name="Book it").click()
    expect(page.get_by_text("“releve.xml” is booked.")).to_be_visible()
    expect(page.get_by_text("under reserve until")).to_be_visible()
    assert StatementLine.objects.count() == 3


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    open_desk: Open, theme: str, size: dict[str, int], tmp_path: Path
) -> None:
    ours = rows.creditor("ours", iban=IBAN)
    bank.booked(camt(MOVES, opening=10_000_00, number="52"), ours, tmp_path, name="releve-0316.xml")
    later = DAY + timedelta(days=3)
    bank.booked(
        camt([Move(50_00, booked_on=later)], opening=11_900_00, first=later, number="55"),
        ours,
        tmp_path,
        name="releve-0319.xml",
    )
    bank.booked(camt([Move(9_00)], closing=1, first=later, name="X"), ours, tmp_path, name="douteux.xml")
    page = open_desk(rows.colleague("vera", ours), viewport=size, color_scheme=theme)
    found = flaws_at(page, "/bank/")
    for row in Statement.objects.order_by("pk"):
        found += flaws_at(page, f"/bank/{row.pk}/")
    file = tmp_path / "next.xml"
    file.write_bytes(camt([Move(9_00, "NEXT", booked_on=later)], opening=5, closing=7, first=later, name="Y"))
    page.goto("/bank/")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    found += flaws_at(page, page.url)
    assert not found, "\n".join(found)
