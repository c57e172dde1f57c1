"""The rules of the house that no other tool holds: sizes, names, clocks, floors, and that the documents are true."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import ForeignKey, ManyToManyField

from tools import reference

ROOT = Path(__file__).resolve().parent.parent
FLOORS = (
    "core",
    "law",
    "ledger",
    "casework",
    "intake outreach payments",
    "portfolio",
    "scenario",
    "insight",
    "day",
    "web",
)
CLOCK_ROOMS = ("amiable/web/", "amiable/demo/", "amiable/day.py", "amiable/cli.py")
CLOCKS = re.compile(r"\b(timezone\.(now|localdate|localtime)|datetime\.(now|utcnow|today)|date\.today)\(")
FORBIDDEN = re.compile(r"^(services?|signals?|base_\w+|\w*(handler|processor|util|helper|manager|impl)s?)$")


def committed() -> list[Path]:
    """What belongs to the project: tracked files, and new ones that nothing ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("Not a git checkout.")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def sources(folder: str = "amiable") -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "/migrations/" not in str(path):
            yield str(path.relative_to(ROOT)), path


def test_no_file_is_longer_than_500_lines() -> None:
    long = [f"{name}: {n}" for folder in ("amiable", "tests", "tools", "bench") for name, path in sources(folder)
            if (n := len(path.read_text(encoding="utf-8").splitlines())) > 500]  # fmt: skip
    assert long == []


def test_only_the_rooms_the_day_and_the_commands_read_the_clock() -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, path in sources()
        if not name.startswith(CLOCK_ROOMS)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if CLOCKS.search(line)
    ]
    assert found == []


def test_files_are_named_after_verbs_or_things_not_after_nothing() -> None:
    assert [name for name, path in sources() if FORBIDDEN.match(path.stem)] == []


def test_classes_are_not_named_after_nothing() -> None:
    refused = re.compile(r"(Manager|Helper|Processor|Util|Impl)$")
    found = [
        f"{name}: {node.name}"
        for name, path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and refused.search(node.name)
    ]
    assert found == []


def test_what_is_not_written_is_abstract_not_a_method_that_fails() -> None:
    raised = re.compile(r"raise NotImplementedError")
    assert [name for name, path in sources() if raised.search(path.read_text(encoding="utf-8"))] == []


def test_every_module_with_words_says_what_it_is() -> None:
    bare = [
        name
        for name, path in sources()
        if not name.endswith(("apps.py", "urls.py", "wsgi.py"))
        and (text := path.read_text(encoding="utf-8")).strip()
        and not ast.get_docstring(ast.parse(text))
    ]
    assert bare == []


def floor(app: str) -> int:
    return next(height for height, names in enumerate(FLOORS) if app in names.split())


def test_rows_point_only_to_rows_on_their_own_floor_or_below() -> None:
    wrong = []
    for model in apps.get_models():
        if not model.__module__.startswith("amiable."):
            continue
        for field in model._meta.get_fields():
            if not isinstance(field, ForeignKey | ManyToManyField) or field.auto_created:
                continue
            target = field.related_model
            if not target.__module__.startswith("amiable."):
                continue
            here, there = model._meta.app_label, target._meta.app_label
            if here != there and floor(there) >= floor(here):
                wrong.append(f"{model.__name__}.{field.name} → {there}.{target.__name__}")
    assert wrong == []


def test_the_reference_page_is_what_the_registries_hold() -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), "stale: run python tools/reference.py"


def test_everything_in_the_registries_is_named_in_the_documents() -> None:
    from amiable.insight.kpi import declared
    from amiable.intake.formats import formats
    from amiable.outreach.channel import channels
    from amiable.payments.providers import providers

    page = reference.PAGE.read_text(encoding="utf-8")
    for key in (*channels(), *providers(), *formats(), *declared()):
        assert f"| {key} |" in page


def test_no_committed_file_names_a_registry_or_a_place_of_one_machine() -> None:
    registries = r"(registry\.npmjs|pypi\.org/simple|files\.pythonhosted|index-url|extra-index|artifactory|nexus\.)"
    places = r"(?<![\w.~-])/(?:home|root|Users|work|tmp/w)/[\w.]+"
    told = re.compile(f"{registries}|{places}")
    texts = {
        ".py",
        ".md",
        ".toml",
        ".txt",
        ".json",
        ".yaml",
        ".yml",
        ".html",
        ".js",
        ".css",
        ".sql",
        ".po",
        ".typ",
        ".sh",
        "",
    }
    found = []
    for path in committed():
        name = str(path.relative_to(ROOT))
        if path.suffix not in texts or "/vendor/" in name or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            hit = told.search(line)
            if hit and not (hit[0].startswith("index-url") or "emit-index-url" in line):
                found.append(f"{name}:{number}: {hit[0]}")
    assert found == []


def test_the_readme_says_how_to_begin() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("make demo", "make test"):
        assert command in text


def test_every_target_of_the_makefile_says_what_it_does() -> None:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    phony = next(line for line in lines if line.startswith(".PHONY")).split()[1:]
    described = {line.split(":")[0] for line in lines if re.match(r"[a-z-]+:.*## ", line)}
    assert set(phony) == described
