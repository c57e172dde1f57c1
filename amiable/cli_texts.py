"""The commands about texts: `texts check`, for the house's library and for files that are to join it.

Comes in: files, or none for the whole library. Goes out: sentences, or JSON alone. Nothing is written to the database.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amiable.cli import Json, UnableToObey, _creditor, _start, _tell

if TYPE_CHECKING:
    from amiable.outreach.house import Place

texts = typer.Typer(help="Texts: what messages, letters and calls say.", no_args_is_help=True)
_NAME = re.compile(r"(?P<key>[a-z0-9_]+)\.(?P<tone>warm|neutral|firm)(?:\.(?P<medium>[a-z]+))?\.liquid")


@texts.callback()
def _texts() -> None:
    """Keeps `check` a command of its own, even while it is the only one."""


@texts.command()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Texts named like reminder_1.warm.sms.liquid; the house's library when none is given."),
    ] = None,
    creditor: Annotated[str, typer.Option("--creditor", help="Whose law and policy count; else those of France.")] = "",
    language: Annotated[str, typer.Option(help="fr or en, where the file's folder does not say it.")] = "fr",
    audience: Annotated[
        str, typer.Option(help="business or consumer, where the file's folder does not say it.")
    ] = "business",
    json: Json = False,
) -> None:
    """Proofread texts: syntax, names, what the law asks and forbids, segments of SMS; exit code 1 when one cannot be used."""
    now = _start()
    from django.utils.translation import override

    from amiable.core.calendar import day_of
    from amiable.law.packs import law
    from amiable.outreach.house import house_source, shelf
    from amiable.outreach.proof import proofread

    owner = _creditor(creditor, make=False, now=now) if creditor else None
    rules, policy = law(owner.country if owner else "FR", day_of(now)), owner.policy if owner else {}
    if files:
        asked = [(str(path), _place(path, language, audience), _read(path)) for path in files]
    else:
        asked = [(place.file, place, house_source(place)) for place in sorted(shelf())]
    told: dict[str, Any] = {"ok": True, "texts": len(asked), "errors": [], "warnings": [], "sms": []}
    with override("en"):
        for name, place, source in asked:
            proof = proofread(source, place, law=rules, policy=policy)
            if proof.mistake:
                told["errors"].append({"file": name, "line": proof.line, "sentence": proof.mistake})
            for fault in proof.faults:
                told["errors" if fault.stops else "warnings"].append(
                    {"file": name, "line": 0, "sentence": fault.sentence}
                )
            told["warnings"] += [{"file": name, "line": 0, "sentence": sentence} for sentence in proof.advice]
            if size := proof.segments:
                told["sms"].append(
                    {"file": name, "segments": size.count, "places": size.places, "alphabet": size.alphabet}
                )
    told["ok"] = not told["errors"]
    _write(told, json)
    if not told["ok"]:
        raise typer.Exit(1)


def _write(told: dict[str, Any], json: bool) -> None:
    if json:
        _tell(told, json)
        return
    for each in told["sms"]:
        print(f"{'sms':9}{each['file']:56}{each['segments']} × {each['alphabet']}, {each['places']} places")
    for mark, rows in (("ERROR", told["errors"]), ("warning", told["warnings"])):
        for row in rows:
            print(f"{mark:9}{row['file']:56}{row['sentence']}")
    print(f"{told['texts']} texts: {len(told['errors'])} errors, {len(told['warnings'])} warnings.")


def _place(path: Path, language: str, audience: str) -> "Place":
    """Where a file's text would stand, by its name and its two folders."""
    from amiable.outreach.house import AUDIENCES, LANGUAGES, Place
    from amiable.outreach.proof import possible

    found = _NAME.fullmatch(path.name)
    folders = path.resolve().parent.parts[-2:]
    if found is None:
        raise UnableToObey(f"{path.name} is not named like reminder_1.warm.liquid or reminder_1.warm.sms.liquid.")
    if len(folders) == 2 and folders[0] in LANGUAGES and folders[1] in AUDIENCES:
        language, audience = folders
    place = Place(found["key"], found["medium"] or "email", language, audience, found["tone"])
    if not possible(place):
        raise UnableToObey(f"{path} is for no medium, language or audience that has texts.")
    return place


def _read(path: Path) -> str:
    if not path.is_file():
        raise UnableToObey(f"There is no file {path}.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UnableToObey(f"{path} is not a text file.") from error
