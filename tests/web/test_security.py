"""What every request keeps to, whatever page it asks for."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/login/?next=%00", "/login/?q=a%00b", "/a%00b/"])
def test_an_address_with_a_character_that_no_database_keeps_is_turned_away(client: Client, address: str) -> None:
    assert client.get(address).status_code == 400


def test_so_is_a_form_and_what_is_plain_is_let_through(client: Client) -> None:
    form = "application/x-www-form-urlencoded"
    assert client.post("/login/", "username=a%00&password=b", content_type=form).status_code == 400
    assert client.post("/login/", "username=a%30&password=b", content_type=form).status_code == 200
    assert client.get("/login/?next=/customers/%2500").status_code == 200
