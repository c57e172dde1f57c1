"""The commands about the bank: figures as JSON, one sentence and a code for what goes wrong."""

from pathlib import Path

import pytest

from amiable.ledger.models import Credit, Sale
from amiable.payments.models import Statement
from tests import world as worlds
from tests.payments.bank import IBAN, Move, camt
from tests.test_cli import amiable, said
from tests.world import World

pytestmark = pytest.mark.django_db


def test_statements_are_taken_once(world: World, tmp_path: Path) -> None:
    world.house.iban = IBAN
    world.house.save(update_fields=["iban"])
    file = tmp_path / "releve.xml"
    file.write_bytes(camt([Move(120_00), Move(-5_00, "LOYER")]))
    dry = said("statement", str(file), "--dry-run")
    assert (dry["statements"], dry["lines"], dry["credits"], Statement.objects.count()) == (1, 2, 1, 0)
    assert said("statement", str(file), str(file))["already"] == 1
    assert Credit.objects.get().creditor == world.house
    wrong = tmp_path / "wrong.xml"
    wrong.write_bytes(camt([Move(7_00)], closing=1, name="W"))
    told = said("statement", str(wrong), "--creditor", "helia")
    assert (told["in_question"], told["credits"], len(told["said"])) == (1, 0, 1)
    wrong.write_bytes(camt([Move(8_00)], closing=1, name="V"))
    assert said("statement", str(wrong), "--accept")["credits"] == 1
    wrong.write_bytes(b"<Document>BkToCstmrStmt")
    for words in ([str(wrong)], [str(tmp_path / "none.xml")], [str(file), "--creditor", "Nobody"]):
        done = amiable("statement", *words)
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1


def test_invoices_are_sold_and_bought_back(world: World) -> None:
    house = world.house
    house.policy = {"factor": {"name": "Eurofactor", "iban": IBAN}}
    house.save(update_fields=["policy"])
    bill = worlds.invoice(world.anna, 100_00)
    assert said("factor", world.anna.number, "--creditor", "helia", "--invoice", bill.reference) == {"sold": 1}
    assert Sale.objects.get().invoice == bill
    assert said("factor", world.anna.number, "--creditor", "helia", "--back") == {"bought_back": 1}
    for words in (["nobody"], [world.anna.number, "--invoice", "none"]):
        done = amiable("factor", *words, "--creditor", "helia")
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
