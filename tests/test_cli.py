"""The command line's contract: one sentence on error, an exit code, and with --json nothing but JSON."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.utils import translation

from amiable import cli
from amiable.core import postgres
from amiable.ledger.models import Creditor, Invoice
from amiable.outreach.models import Message

pytestmark = pytest.mark.django_db

FILE = """Code client;Nom;Type;N° facture;Date facture;Échéance;Montant TTC
C001;Dupont SARL;Facture;F100;05/01/2026;04/02/2026;1 234,56
C001;Dupont SARL;Facture;F101;15/02/2026;16/03/2026;100,00
C002;Bébé & Cie;Avoir;A102;31/01/2026;;-50,00
"""


SCRIPT = Path(sys.executable).with_name("amiable")


def amiable(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as the shell would, but here: a process of its own takes seconds to start."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.object(sys, "argv", ["amiable", *words]), redirect_stdout(out), redirect_stderr(err),
        translation.override(None),
    ):  # fmt: skip
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def shell(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, on the database of the tests."""
    address = urlunsplit(urlsplit(postgres.database_url())._replace(path=f"/{settings.DATABASES['default']['NAME']}"))
    environment = os.environ | {"DATABASE_URL": address, "LC_ALL": "C.UTF-8"}
    return subprocess.run([SCRIPT, *words], env=environment, capture_output=True, text=True, timeout=120, check=False)


def said(*words: str, by: Callable[..., subprocess.CompletedProcess[str]] = amiable) -> Any:
    done = by(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def movements(tmp_path: Path) -> str:
    path = tmp_path / "mouvements.csv"
    path.write_text(FILE, encoding="utf-8")
    return str(path)


HOUSE = ("--creditor", "Hélia Énergie", "--as-of", "2026-03-10")


@pytest.mark.django_db(transaction=True)  # another process reads and writes
def test_files_come_in_balances_come_out_and_a_rehearsed_day_does_nothing(movements: str) -> None:
    told = said("import", movements, *HOUSE, by=shell)
    assert (told["files"], told["invoices"], told["customers"], told["quarantined"]) == (1, 2, 2, 0)
    assert Creditor.objects.get().released_at is None
    (line,) = said("balance", *HOUSE)
    assert line == {
        "currency": "EUR", "open_minor": 133_456, "not_due_minor": 10_000, "overdue_minor": 123_456, "credit_minor": 5_000,
        "customers": 2,
    }  # fmt: skip
    foretold = said("day", "--as-of", "2026-03-10", "--dry-run")
    assert foretold["refresh"]["profiles"] == 2
    assert "send" not in foretold
    assert (Message.objects.count(), Invoice.objects.filter(reached__gt=0).count()) == (0, 0)


@pytest.mark.long
def test_a_rehearsed_import_writes_nothing_and_a_second_one_nothing_more(movements: str) -> None:
    assert said("import", movements, *HOUSE, "--dry-run")["invoices"] == 2
    assert not Creditor.objects.exists()
    said("import", movements, *HOUSE)
    again = said("import", movements, *HOUSE)
    assert (again["invoices"], again["entries"]) == (0, 0)
    read = amiable("balance", *HOUSE)
    assert "1 234,56" in read.stdout.replace("\u202f", " ").replace("\xa0", " ")


SEGMENTS = """segments:
  - {key: big, label: {fr: "Gros", en: "Big"}, when: "overdue > 1000"}
  - {key: rest, label: {fr: "Reste", en: "Rest"}, when: ""}
"""


def test_a_file_of_segments_is_checked_and_says_whom_it_would_hold(movements: str, tmp_path: Path) -> None:
    file = tmp_path / "segments.yaml"
    file.write_text(SEGMENTS, encoding="utf-8")
    gone = os.environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    alone = subprocess.run(
        [str(SCRIPT), "segments", "check", str(file)],
        env=gone,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (alone.returncode, alone.stdout) == (0, "2 segments are fine.\n"), alone.stderr
    said("import", movements, *HOUSE)
    with_whom = said("segments", "check", str(file), "--creditor", "Hélia Énergie")
    assert (with_whom["segments"], with_whom["wrong"], with_whom["customers"]) == (2, [], 0)
    said("day", "--as-of", "2026-03-10")
    with_whom = said("segments", "check", str(file), "--creditor", "Hélia Énergie")
    assert [each["customers"] for each in with_whom["matches"]] == [1, 1, 0]
    file.write_text(SEGMENTS.replace("overdue >", "overdu >").replace("key: rest", "key: big"), encoding="utf-8")
    wrong = amiable("segments", "check", str(file), "--json")
    assert wrong.returncode == 1
    assert json.loads(wrong.stdout)["wrong"] == [
        "Segment “Big”: There is no fact named “overdu”; perhaps “overdue” is meant.",
        "Segment “Rest”: The key “big” stands twice.",
    ]
    told = amiable("segments", "check", str(file))
    assert (told.returncode, told.stdout, len(told.stderr.splitlines())) == (1, "", 2)


MISTAKES = [
    ("segments", "check", "no-such-file.yaml"),
    ("segments", "check", "tests/test_cli.py"),
    ("balance", "--creditor", "Nobody"),
    ("balance",),
    ("balance", "--creditor", "x", "--as-of", "10/03/2026"),
    ("day", "--as-of", "2026-02-30"),
    ("day", "--as-of", "9999-12-31"),
    ("serve", "--port", "99999"),
    ("user", "no spaces", "--email", "nonsense"),
    ("restore", "no-such-file.tar"),
    ("import", "no-such-file.csv", "--creditor", "Helia"),
    ("import", "--creditor", "Helia"),
    ("bench", "nothing"),
    ("fly",),
    ("day", "--faster"),
]


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_ends_with_words_and_a_code_and_nothing_on_standard_output(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["amiable", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    assert ended.value.code not in (0, None)
    assert told.out == ""
    assert told.err.strip()
    assert "Traceback" not in told.err


def test_a_creditor_stays_only_where_its_file_came_in_and_what_waits_is_told(movements: str, tmp_path: Path) -> None:
    assert amiable("import", str(tmp_path / "none.csv"), *HOUSE).returncode == 1
    assert not Creditor.objects.exists()
    assert amiable("balance", *HOUSE).stderr.startswith("There is no creditor Hélia Énergie")
    Path(movements).write_text(FILE.replace("1 234,56", "1 2E4,56"), encoding="utf-8")
    told = amiable("import", movements, *HOUSE)
    assert (told.returncode, "quarantined     1" in told.stdout, "said" in told.stdout) == (0, True, False)
    assert [line.split(":")[0] for line in told.stderr.splitlines()] == [
        "Hélia Énergie is new here, in dry run", "Rows that could not be read",
    ]  # fmt: skip
    assert "new here" not in amiable("import", movements, *HOUSE).stderr
    assert amiable("balance", "--creditor", "Hélia Énergie", "--as-of", "2020-01-01").stdout.startswith(
        "Nothing is owed"
    )


@pytest.mark.parametrize(
    ("name", "value"), [("AMIABLE_HOME", "/dev/null"), ("AMIABLE_LANGUAGE", "de"), ("AMIABLE_TIME_ZONE", "Mars")]
)
def test_a_setting_that_cannot_be_is_told_in_one_sentence(name: str, value: str) -> None:
    wrong = os.environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", name: value}
    done = subprocess.run([sys.executable, "-c", "import amiable.settings"], env=wrong, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ImproperlyConfigured: " in done.stderr.splitlines()[-1]
    assert name in done.stderr.splitlines()[-1]


@pytest.mark.django_db(transaction=True)  # another process reads and writes
def test_a_mistake_is_told_in_one_sentence() -> None:
    Creditor.objects.create(key="x", name="Xénon", created_at="2026-01-01T00:00Z")
    done = shell("balance", "--creditor", "Nobody", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "There is no creditor Nobody; known: Xénon.\n"


def test_a_database_that_is_not_there_is_said_in_a_sentence() -> None:
    gone = os.environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    done = subprocess.run(
        [str(SCRIPT), "day", "--json"], env=gone, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("The database cannot be reached")


def test_interest_is_told_piece_by_piece_and_nothing_where_nothing_was_chosen(movements: str) -> None:
    said("import", movements, *HOUSE)
    house = Creditor.objects.get()
    assert said("interest", "C001", "--as-of", "2026-03-10") == []
    choice = {"interest": "show", "indemnity": "waive", "fees": "waive", "percent": ""}
    house.policy = {"late_payment": [{"since": "2026-01-01", "business": choice}]}
    house.save(update_fields=["policy"])
    [row] = said("interest", "C001", "--as-of", "2026-03-10")
    assert (row["invoice"], row["shown"]) == ("F100", {"interest": 1_397})
    assert [(each["days"], each["percent"], each["rate"]) for each in row["pieces"]] == [
        (24, 12.15, "2.15 + 10"), (10, 12.15, "2.15 + 10"),
    ]  # fmt: skip
    told = amiable("interest", "C001", "--as-of", "2026-03-10")
    assert "x 12.15 % x 24/365" in told.stdout
    refused = amiable("interest", "nobody")
    assert refused.returncode == 1
    assert refused.stderr.strip().endswith("has no customer nobody.")
