"""Whom the tests of the API ask about, and who asks: a house with a row of everything, and its manager's token."""

import pytest
from django.test import Client

from tests.web import api_rows
from tests.web.api_rows import House


@pytest.fixture
def ours(db: None) -> House:
    return api_rows.house()


@pytest.fixture
def client(ours: House) -> Client:
    return api_rows.caller(api_rows.token(ours.manager))
