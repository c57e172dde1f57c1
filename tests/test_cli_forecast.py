"""The command `forecast`: a table, JSON alone, one sentence for what cannot be told."""

from datetime import timedelta

import pytest

from tests import world as worlds
from tests.test_cli import amiable, said
from tests.world import World

pytestmark = pytest.mark.django_db


def test_the_forecast_is_told_in_words_and_as_json(world: World) -> None:
    """Too little to know; then a table; never a day to come."""
    worlds.invoice(world.emil, due_on=worlds.later(3))
    day = worlds.DAY.isoformat()
    silent = amiable("forecast", "--creditor", "helia", "--as-of", day)
    assert (silent.returncode, silent.stdout.count("\n")) == (0, 1)
    assert "Too little has been paid" in silent.stdout
    for n in range(20):
        due = worlds.DAY - timedelta(days=40 + 9 * n)
        worlds.paid(worlds.invoice(world.emil, due_on=due), on=due)
    told = said("forecast", "--creditor", "helia", "--as-of", day, "--weeks", "4")
    assert [len(each["weeks"]) for each in told["currencies"]] == [4]
    assert told["learnt_from"] == 20
    assert "€100.00 open" in amiable("forecast", "--creditor", "helia", "--as-of", day).stdout
    tried = said("forecast", "--creditor", "helia", "--as-of", day, "--back-test", "--times", "3")
    assert list(tried) == ["currencies", "silent"]
    assert amiable("forecast", "--creditor", "helia", "--as-of", day, "--back-test", "--times", "3").returncode == 0
    for wrong in (("--as-of", "2999-01-01"), ("--weeks", "0"), ("--back-test", "--times", "0")):
        refused = amiable("forecast", "--creditor", "helia", *wrong)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
