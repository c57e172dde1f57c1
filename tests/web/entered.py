"""Colleagues with a password, and browsers in which they have just said who they are."""

from typing import Any

from django.test import Client

from amiable.core.models import Role, User
from amiable.ledger.models import Creditor
from tests.web import desk_rows as rows

PASSWORD = "fourmi violette sous un nuage"


def person(name: str, of: Creditor | None = None, role: str = Role.MANAGER, **more: Any) -> User:
    user = rows.colleague(name, of, role, **more)
    user.email = f"{name}@house.example"
    user.set_password(PASSWORD)
    user.save()
    return user


def inside(user: User) -> Client:
    """A browser of somebody who has just said once more who they are."""
    client = Client(headers={"accept-language": "en"})
    assert client.post("/login/", {"login": user.username, "password": PASSWORD}).status_code == 302
    assert client.post("/account/confirm/", {"password": PASSWORD}).status_code == 302
    return client
