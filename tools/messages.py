"""Keeps the French words beside the English ones: update, check and compile, without gettext's programs.

In: the strings marked in amiable/ (Python and templates). Out: amiable/locale/fr/LC_MESSAGES/django.po and .mo.
Never: a translation lost, or one whose placeholders differ from what the code fills in.

The message ids are the English text, so English needs no catalogue.
"""

import io
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "amiable"
FRENCH = SOURCES / "locale" / "fr" / "LC_MESSAGES" / "django.po"
TEMPLATES = {".html", ".txt", ".xml", ".mjml"}

# Which arguments of a call are the message; "c" marks a context.
CALLS: dict[str, tuple[int | tuple[int, str], ...]] = {
    # N_ marks a text where Django may not be imported: def N_(text): return text
    **dict.fromkeys(["_", "N_", "gettext", "gettext_lazy", "gettext_noop"], (1,)),
    **dict.fromkeys(["ngettext", "ngettext_lazy"], (1, 2)),
    **dict.fromkeys(["pgettext", "pgettext_lazy"], ((1, "c"), 2)),
    **dict.fromkeys(["npgettext", "npgettext_lazy"], ((1, "c"), 2, 3)),
}
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[#0\- +]*\d*(?:\.\d+)?[a-zA-Z]|\{\w*(?:[.!:][^{}]*)?\}")
# Before and behind these signs French has a space at which no line may break; in the .po they are easier to type without.
TALL, WIDE, OPEN = re.compile(r"(?<=\S) (?=[;!?])"), re.compile(r"(?<=\S) (?=[:»])"), re.compile(r"(?<=«) (?=\S)")
# Header lines that change at every run, or say nothing: they would be in the way of every merge.
NOISE = re.compile(
    r'^"(POT-Creation|PO-Revision|Generated-By|Last-Tr|Language-Team|Project-Id|Report-Msgid)[^\n]*\n', re.M
)


class UnableToExtract(ValueError):
    """A text that is computed where it is to be translated."""


def extracted() -> tuple[Catalog, list[str]]:
    """Every marked string with the files where it stands, and a sentence for each that cannot be read."""
    catalog, unreadable = Catalog(), []
    for path in sorted(SOURCES.rglob("*")):
        if "migrations" in path.parts or "static" in path.parts or not path.is_file():
            continue
        if path.suffix == ".py":
            text = path.read_text()
        elif path.suffix in TEMPLATES and "templates" in path.parts:
            # The result reads like Python, except for its indentation.
            text = re.sub(r"^[ \t]+", "", templatize(path.read_text(), origin=str(path)), flags=re.M)
        else:
            continue
        place = str(path.relative_to(ROOT))
        for line, call, texts, comments in extract_python(
            io.BytesIO(text.encode()), list(CALLS), ["Translators:"], {"encoding": "utf-8"}
        ):
            try:
                add(catalog, call, texts, place=(place, line), comments=comments)
            except UnableToExtract as error:
                unreadable.append(str(error))
    return catalog, unreadable


def add(
    catalog: Catalog,
    call: str,
    texts: str | tuple[str | None, ...],
    *,
    place: tuple[str, int],
    comments: list[str],
) -> None:
    """Adds one call to the catalogue.

    _(name) raises UnableToExtract: nobody could translate it. gettext(name) looks up what was marked elsewhere and is
    left out.
    """
    given = texts if isinstance(texts, tuple) else (texts,)
    context, parts = None, []
    for argument in CALLS[call]:
        index = argument[0] if isinstance(argument, tuple) else argument
        text = given[index - 1] if len(given) >= index else None
        if not text and call != "_":
            return
        if not text:
            where = f"{place[0]}:{place[1]}"
            raise UnableToExtract(
                f"{where}: what _() translates must stand there; what is marked elsewhere, gettext() finds."
            )
        if isinstance(argument, tuple):
            context = text
        else:
            parts.append(text)
    message = parts[0] if len(parts) == 1 else tuple(parts)
    catalog.add(message, locations=[place], auto_comments=comments, context=context)


def french() -> Catalog:
    """The French catalogue as it stands on disk; empty when there is none yet."""
    if not FRENCH.exists():
        return Catalog(locale="fr")
    with FRENCH.open("rb") as file:
        return read_po(file, locale="fr")


def update() -> None:
    """Brings the French catalogue up to the code: new strings come in empty, unused ones go."""
    catalog = french()
    catalog.update(extracted()[0], no_fuzzy_matching=True, update_header_comment=False)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    catalog.header_comment = "# The French words of Amiable. New strings: tools/messages.py update"
    out = io.BytesIO()
    write_po(out, catalog, sort_output=True, include_lineno=False, width=110)
    FRENCH.parent.mkdir(parents=True, exist_ok=True)
    FRENCH.write_text(NOISE.sub("", out.getvalue().decode()))


def problems() -> Iterator[str]:
    """A sentence for each string without a usable French translation, and for each translation without a use."""
    catalog = french()
    wanted, unreadable = extracted()
    yield from unreadable
    for message in wanted:
        if not message.id:
            continue
        found = catalog.get(first(message), message.context)
        where = ", ".join(sorted({path for path, _ in message.locations}))
        if found is None or not found.string or (isinstance(found.string, tuple) and not all(found.string)):
            yield f"No French for {first(message)!r} ({where})."
        elif found.fuzzy:
            yield f"The French for {first(message)!r} is marked as a guess ({where})."
        elif not same_placeholders(message, found):
            yield f"The French for {first(message)!r} fills in other values: {found.string!r} ({where})."
    for message in catalog:
        if message.id and wanted.get(first(message), message.context) is None:
            yield f"Nothing uses the French for {first(message)!r} any more."


def first(message: Message) -> str:
    return str(message.id if isinstance(message.id, str) else message.id[0])


def same_placeholders(message: Message, found: Message) -> bool:
    """Whether each form fills in the values of its English one; the singular may leave out its number."""
    if isinstance(message.id, str):
        return isinstance(found.string, str) and placeholders(message.id) == placeholders(found.string)
    if not isinstance(found.string, tuple):
        return False
    singular, plural = (placeholders(text) for text in message.id)
    *low, high = (placeholders(text) for text in found.string)
    return high == plural and all(form in (singular, plural) or form < plural for form in low)


def placeholders(text: str) -> Counter[str]:
    return Counter(PLACEHOLDER.findall(text.replace("%%", "")))


def compile_all() -> None:
    """Writes the .mo that Django reads, whole or not at all."""
    for path in (SOURCES / "locale").glob("*/LC_MESSAGES/django.po"):
        with path.open("rb") as file:
            catalog = read_po(file)
        for message in catalog:
            if message.id and path == FRENCH:
                several = isinstance(message.string, tuple)
                message.string = tuple(map(spaced, message.string)) if several else spaced(message.string)
        new = path.with_suffix(".mo.new")
        with new.open("wb") as file:
            write_mo(file, catalog)
        new.replace(path.with_suffix(".mo"))


def spaced(text: str) -> str:
    """The text with its spaces at high punctuation made unbreakable, as French typography has it."""
    return OPEN.sub("\u00a0", WIDE.sub("\u00a0", TALL.sub("\u202f", text)))


def main(arguments: list[str]) -> int:
    match arguments:
        case ["update"]:
            update()
        case ["compile"]:
            compile_all()
        case ["check"]:
            found = list(problems())
            print("\n".join(found) or "Every string has its French.")
            return 1 if found else 0
        case _:
            print("Say: tools/messages.py update | check | compile")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
