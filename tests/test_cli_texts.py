"""The command that proofreads texts: the whole library, and files with mistakes; sentences and exit codes."""

import json
from pathlib import Path

import pytest

from tests.test_cli import amiable, said

pytestmark = pytest.mark.django_db


def test_the_library_has_nothing_against_it() -> None:
    told = said("texts", "check")
    assert told["ok"] is True
    assert told["texts"] >= 196
    assert (told["errors"], told["warnings"]) == ([], [])
    assert {each["alphabet"] for each in told["sms"]} == {"gsm"}
    assert max(each["segments"] for each in told["sms"]) == 2


def test_files_are_proofread_where_their_name_says_they_stand(tmp_path: Path) -> None:
    folder = tmp_path / "fr" / "consumer"
    folder.mkdir(parents=True)
    (folder / "reminder_1.warm.liquid").write_text('---\nsubject: "x"\n---\n\n{{ oops }}', encoding="utf-8")
    (folder / "reminder_1.firm.sms.liquid").write_text(
        "{{ creditor.name }} : frais de relance 10 € 支付 {{ pay_url }} {{ sms_stop }}", encoding="utf-8"
    )
    (folder / "dispute_answered.neutral.liquid").write_text(
        '---\nsubject: "x"\n---\n\n{{ creditor.name }} {{ talk_url }} {{ unsubscribe_url }}', encoding="utf-8"
    )
    done = amiable("texts", "check", *map(str, sorted(folder.iterdir())), "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    refused = told["errors"].pop(0)
    assert (Path(refused["file"]).name, "mediator" in refused["sentence"]) == ("dispute_answered.neutral.liquid", True)
    assert [(Path(each["file"]).name, each["line"]) for each in told["errors"]] == [
        ("reminder_1.firm.sms.liquid", 0),
        ("reminder_1.warm.liquid", 5),
    ]
    assert "charges a consumer" in told["errors"][0]["sentence"]
    assert "nothing named “oops”" in told["errors"][1]["sentence"]
    assert told["sms"][0]["alphabet"] == "ucs2"
    plain = amiable("texts", "check", str(folder / "reminder_1.warm.liquid"))
    assert plain.returncode == 1
    assert "Line 5: There is nothing named “oops”." in plain.stdout


def test_what_is_no_text_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "reminder_1.warm.pigeon.liquid").write_text("x", encoding="utf-8")
    (tmp_path / "reminder_1.warm.liquid").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "letter.txt").write_text("x", encoding="utf-8")
    for name in ("reminder_1.warm.pigeon.liquid", "reminder_1.warm.liquid", "letter.txt", "reminder_9.warm.liquid"):
        done = amiable("texts", "check", str(tmp_path / name))
        assert done.returncode == 1, name
        assert len(done.stderr.strip().splitlines()) == 1, name
