"""Every page of the desk, as its addresses stand: axe finds nothing on it, and no screen is too narrow for it."""

from itertools import product
from typing import Any

import pytest
from django.test import Client

from amiable.core.models import Role
from amiable.outreach.models import Letter
from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.browser.test_desk_browser import flaws_at
from tests.web import desk_rows as rows
from tests.web.test_desk_scope import LISTS, addresses, listed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.long]


def pages(client: Client, found: dict[str, str]) -> list[str]:
    """Of all addresses those that answer with a whole page: no files, no pieces, no acts."""
    whole = []
    for name, address in found.items():
        answer = client.get(address, follow=True)
        content = b"".join(answer)  # files too are read to their end, and so closed
        html = answer.status_code == 200 and answer["content-type"].startswith("text/html")
        if html and b'id="page"' in content:
            whole.append(address)
        assert answer.status_code < 500, name
    return whole


@pytest.mark.parametrize(("size", "theme"), list(product((DESKTOP, PHONE), ("light", "dark"))))
def test_no_page_has_a_flaw(live_server: Any, open_desk: Open, size: dict[str, int], theme: str) -> None:
    ours = rows.creditor("ours")
    anna = rows.full(ours, "Anna")
    vera = rows.colleague("vera", ours, Role.ADMIN)
    rows.counted()
    lists = {name: listed(name) for name in sorted(LISTS)}
    found = lists | addresses(anna)
    Letter.objects.all().delete()  # they have nothing typeset
    asked = pages(rows.desk(vera), found)
    assert len(asked) > 60
    page = open_desk(vera, viewport=size, color_scheme=theme)
    flaws = [flaw for address in asked for flaw in flaws_at(page, address)]
    assert not flaws, "\n".join(flaws)
