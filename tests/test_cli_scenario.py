"""The commands about scenarios: sentences and exit codes for a person, JSON and nothing else for a program."""

import json
from pathlib import Path

import pytest

from amiable.scenario import shelf
from amiable.scenario.models import Scenario
from tests import world as worlds
from tests.test_cli import amiable, said
from tests.world import DAY, World, at, later

pytestmark = pytest.mark.django_db
GOOD = Path(shelf.__file__).parent / "library" / "consumers.yaml"


def test_a_scenario_is_checked_and_nothing_is_saved(tmp_path: Path) -> None:
    assert said("scenario", "check", str(GOOD)) == {"ok": True, "errors": [], "warnings": []}
    bad = tmp_path / "bad.yaml"
    bad.write_text(GOOD.read_text(encoding="utf-8").replace("days: 45", "days: 800"), encoding="utf-8")
    done = amiable("scenario", "check", str(bad), "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["ok"] is False
    assert [(each["code"], each["step"]) for each in told["errors"]] == [("time_bar", "formal_notice")]
    plain = amiable("scenario", "check", str(bad))
    assert plain.returncode == 1
    assert "time-barred" in plain.stdout
    assert not Scenario.objects.exists()


def test_what_is_no_scenario_gives_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("key: [", encoding="utf-8")
    done = amiable("scenario", "check", str(broken), "--json")
    assert done.returncode == 1
    assert [each["code"] for each in json.loads(done.stdout)["errors"]] == ["unreadable"]
    broken.write_bytes(b"\xff\xfe\x00")
    for words in ([str(broken)], [str(tmp_path / "none.yaml")], [str(GOOD), "--creditor", "Nobody"]):
        done = amiable("scenario", "check", *words)
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1


def test_why_tells_a_day_of_a_customer(world: World) -> None:
    shelf.stock(now=at(DAY))
    bill = worlds.invoice(world.boris, 40_000, due_on=later(-4))
    told = said("why", world.boris.number, "--as-of", str(DAY), "--creditor", "helia")
    assert [(row["step"], row["verdict"]) for row in told["verdict"]] == [("reminder_1", "do")]
    assert [row["reference"] for row in told["invoices"]] == [bill.reference]
    assert [step["step"] for step in told["ahead"]][:2] == ["reminder_1", "reminder_2"]
    plain = amiable("why", "Boris SARL", "--as-of", str(DAY))
    assert plain.returncode == 0, plain.stderr
    assert "The engine says for that day: reminder_1: do" in plain.stdout
    for words in (["Nobody"], [world.boris.number, "--as-of", "soon"]):
        done = amiable("why", *words)
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
    worlds.customer(world.neighbour, name="Boris SARL")
    assert "several customers" in amiable("why", "Boris SARL", "--as-of", str(DAY)).stderr
