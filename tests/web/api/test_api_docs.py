"""The examples of docs/api.md are true: each of them is run, from first to last, against a live server."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.web import api_rows
from tests.web import desk_rows as rows

TEXT = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.S | re.M)


@pytest.mark.django_db(transaction=True)
def test_every_example_runs(live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = api_rows.house()
    _first, second = (rows.customer(house.creditor, "Anna again", number=number) for number in ("C-17", "C-18"))
    rows.measured()
    monkeypatch.setenv("AMIABLE_URL", live_server.url)
    monkeypatch.setenv("AMIABLE_TOKEN", api_rows.token(house.manager))
    said: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "docs/api.md", "exec"), said)
    if (curl := shutil.which("curl")) is None:
        pytest.skip("no curl here: its examples are not run")
    (tmp_path / "open.csv").write_text("Customer;Invoice;Date;Due;Amount\nC-9;F-9;01/03/2026;31/03/2026;1 234,50\n")
    known = {
        "CUSTOMER": str(house.customer.pk), "INVOICE": str(house.rows["invoices"]), "CREDITOR": str(house.creditor.pk),
        "NOTE_FILE": str(house.rows["note-files"]), "DOUBLE": str(second.pk),
        "PATH": f"{Path(curl).parent}:{os.environ['PATH']}", "NO_PROXY": "*",
    }  # fmt: skip
    first, *examples = blocks("bash")
    for example in examples:
        ran = subprocess.run(
            ["bash", "-ec", f"{first}\n{example}"],
            cwd=tmp_path,
            env=os.environ | known,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0, f"{example}\n{ran.stderr}"
        assert ran.stdout[0] in "[{", example


@pytest.mark.parametrize("language", ["python", "bash"])
def test_every_resource_has_its_example_in_each_language(language: str) -> None:
    """No resource is left out: whoever adds one writes its examples."""
    assert len(blocks("python")) == len(blocks("bash"))
    from amiable.web.api import api, document

    told = " ".join(blocks(language))
    read = {
        path.split("/")[2] for path, method, _told in document.operations(document.written(api.api)) if method == "get"
    }
    assert {name for name in read if not re.search(rf"/{name}(?![\w-])", told)} == set()
