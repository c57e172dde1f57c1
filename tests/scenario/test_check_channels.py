"""What the check says of steps by post and by the voice server: who carries them, who can be reached, which text they have."""

import pytest

from amiable.ledger.models import Customer
from amiable.scenario import shelf
from amiable.scenario.check import examine
from amiable.scenario.finding import ERROR, WARNING
from tests.scenario.test_check import DAY, FIRST, codes, found, step
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


def test_a_step_by_post_or_voice_server_says_what_it_lacks(world: World) -> None:
    by_post = step("notice", 20, 30, channel="letter", template="formal_notice", tone="firm", gap=7)
    rung = step("ring", 10, 5, channel="ivr", tone="neutral")
    assert found(rung, by_post) == []
    usual = {"carried": ("email", "sms", "call")}
    (told,) = found(FIRST, by_post, **usual)
    assert (told.severity, told.code, told.step) == (WARNING, "no_carrier", "notice")
    (told,) = found({**rung, "fallback": ["call"]}, **usual)
    assert told.sentence.endswith("it goes by Call.")
    # A letter that a step only falls back to is extra, and frightens nobody.
    assert found({**FIRST, "fallback": ["letter"]}, **usual) == []
    assert set(codes({**rung, "template": "statement"})) == {(ERROR, "no_text", "ring")}
    rings = [{**rung, "key": f"r{n}", "level": 10 + n, "days": 3 * n} for n in range(3)]
    assert "cap" in {code for _severity, code, _step in codes(*rings, policy={"calls_per_7_days": 1})}
    assert (ERROR, "never", "seen") in codes(rung, step("seen", 30, 20, answer="opened"))
    data = {"key": "trial", "applies": "kind = 'consumer'", "steps": [by_post]}
    told_of = [each.code for each in examine(data, creditor=world.house, facts=shelf.facts(), as_of=DAY)]
    assert told_of == ["no_address", "no_carrier"]
    Customer.objects.filter(pk=world.anna.pk).update(street="3 rue du Lac", city="Lyon")
    world.house.policy["channels"] = {"letter": "letter"}
    assert examine(data, creditor=world.house, facts=shelf.facts(), as_of=DAY) == []
