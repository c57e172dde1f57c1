"""Whoever is in charge hears that a customer has answered: once, and not of machines."""

from typing import Any

import pytest

from amiable.casework.models import Case, Notification
from amiable.core.models import User
from amiable.scenario.respond import reply_heard
from tests.world import DAY, World, at

pytestmark = pytest.mark.django_db


def heard(number: int, sender: str, **more: Any) -> None:
    reply_heard(
        source="mail",
        external_id=str(number),
        sender=sender,
        text="I shall pay on Friday.",
        at=at(DAY),
        now=at(DAY),
        **more,
    )


def test_the_colleague_in_charge_hears_of_an_answer(world: World) -> None:
    vera = User.objects.create(username="vera")
    address = world.boris.contacts.get().points.get(medium="email").value
    heard(1, address)
    assert Notification.objects.count() == 0
    Case.objects.create(creditor=world.house, customer=world.boris, currency="EUR", opened_on=DAY, responsible=vera)
    for _again in range(2):
        heard(2, address)
    heard(3, address, automatic=True)
    line = Notification.objects.get()
    assert (line.user, line.kind, "I shall pay on Friday." in line.text) == (vera, "reply", True)
    assert line.url.startswith("/inbox/")
