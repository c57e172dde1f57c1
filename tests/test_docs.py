"""What the documents say is there: every setting, command, figure, fact and segment, and every file that they link to."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from django.utils.translation import override

from amiable.cli import whole
from amiable.insight.kpi import declared
from amiable.portfolio.facts import FACTS
from amiable.portfolio.segments import starter

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
READERS = {"env", "env_bool", "env_int"}
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")


def settings_read() -> Iterator[str]:
    """The names of the environment that settings, home folder and database are read from."""
    for path in ("amiable/settings.py", "amiable/core/home.py", "amiable/core/postgres.py"):
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            called = ast.unparse(node.func)
            if called in READERS or called in {"os.environ.get", "os.getenv"}:
                yield str(node.args[0].value)


def test_every_setting_is_in_the_readme() -> None:
    table = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\| `([A-Z_]+)`", table, re.M))
    read = {name.removesuffix("_FILE") for name in settings_read()}
    assert read - told == set(), "settings that the README's table does not tell of"
    assert told - read == set(), "settings that nothing reads any more"


def test_every_command_is_in_both_readmes() -> None:
    commands = set(typer.main.get_command(whole()).commands)  # type: ignore[attr-defined]
    for name in ("README.md", "README.fr.md"):
        text = (ROOT / name).read_text()
        assert [command for command in sorted(commands) if not re.search(rf"\bamiable {command}\b", text)] == [], name


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_readmes_begin_with_two_commands(target: str) -> None:
    for name in ("README.md", "README.fr.md"):
        first = (ROOT / name).read_text().partition("```")[2].partition("```")[0]
        assert f"make {target}" in first


def test_the_glossary_tells_each_figure_fact_and_segment_as_the_code_does() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    with override("en"):
        figures = [
            line for each in declared().values() for line in (f"`{each.key}`", str(each.label), str(each.formula))
        ]
        facts = [f"| `{fact.name}` | {fact.unit} | {fact.meaning} |" for fact in FACTS]
    segments = [line for each in starter() for line in (f"`{each['key']}`", each["when"])]
    assert [said for said in figures + facts + segments if said not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_links_to_is_there(document: Path) -> None:
    missing = []
    for target in map("".join, LINK.findall(document.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        if not there.exists() or not there.is_relative_to(ROOT) or (heading and heading not in headings(there)):
            missing.append(target)
    assert missing == []


def headings(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    ("page", "says"), [("CHANGELOG.md", "figures"), ("README.md", "figures"), ("README.fr.md", "indicateurs")]
)
def test_as_many_figures_as_are_declared(page: str, says: str) -> None:
    told = re.findall(rf"(\d+) {says} (?:on|sur|, in)|\((\d+) {says}, in", (ROOT / page).read_text())
    assert [int(one or other) for one, other in told] == [len(declared())]
