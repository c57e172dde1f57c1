"""A text's paragraphs in the shape of a medium: MJML and plain text, a line for an SMS, blocks for a letter, a script.

In: paragraphs with Liquid and [placed-parts]. Out: Liquid in plain words and in HTML.
Never: markup made of what an editor typed, or of what stands between braces.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Template as Words

import mrml
import yaml
from django.utils.translation import gettext as _

from amiable.outreach import sandbox
from amiable.outreach.sandbox import UnableToCompose, scan
from amiable.outreach.segment import spell

LIBRARY = Path(__file__).parent / "library"
_PART = re.compile(r"^\[([a-z-]{1,40})\]$")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
# Where a link may lead: an address of the message, the web, a mailbox, a telephone. Each piece is short: nothing to try twice.
_LINK = re.compile(
    r"\[([^\[\]\n]{1,200})\]\((\{\{\s*[a-z_.]{0,60}url\s*\}\}|(?:https?://|mailto:|tel:)[^()\s\"'<>]{1,300})\)"
)
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_HELD = re.compile("\ue000(\\d+)\ue001")  # where a tag of Liquid stands while MJML is compiled


def blocks(body: str, *, first_line: int) -> Iterator[str]:
    """The paragraphs, each whole by itself: what opens in one of them and closes in another stands on lines of its own."""
    line = first_line
    for piece in re.split(r"(\n[ \t]*(?:\n[ \t]*)+)", body):
        block = piece.strip()
        if block:
            start = line + piece[: piece.index(block[0])].count("\n")
            _sound(block, start)
            yield block
        line += piece.count("\n")


def _sound(block: str, line: int) -> None:
    for tag in scan(block, first_line=line):
        inside = "".join(a or b for a, b in _QUOTED.findall(tag.whole))
        if re.search('[<>"]', inside):
            raise UnableToCompose(_('Between quotes within braces, the signs < > and " cannot be used.'), tag.line)
    if _only_tags(block):
        return
    try:
        sandbox.parse(block, first_line=line)
    except UnableToCompose as error:
        sentence = _("%(mistake)s What opens in one paragraph and closes in another stands alone, between empty lines.")
        raise UnableToCompose(sentence % {"mistake": error.sentence}, error.line) from error


def _only_tags(block: str) -> bool:
    held: list[str] = []
    rest = _HELD.sub("", _hold(block, held))
    return bool(held) and not rest.strip() and all(tag.startswith("{%") for tag in held)


# Liquid in plain words, Liquid in HTML, and what is done to the plain words once they are filled.
Shape = tuple[str, str, Callable[[str], str]]


def _letter(blocks: list[str], language: str) -> Shape:
    """An e-mail: plain text, and HTML in the house's layout."""
    words, held = _words(language), list[str]()
    mjml = _layout("layout.mjml", words, language).replace(
        "<!-- body -->", "\n".join(_mjml(block, words, language, held) for block in blocks)
    )
    plain = _layout("layout.txt", words, language).replace(
        "<!-- body -->", "\n\n".join(_text(block, words, language) for block in blocks)
    )
    try:
        page = mrml.to_html(mjml, render_options=mrml.RenderOptions(disable_comments=True, fonts={})).content
    except Exception as error:
        raise UnableToCompose(_("The layout cannot be compiled: %(why)s.") % {"why": error}) from error
    return plain, _HELD.sub(lambda place: held[int(place[1])], _slim(page)), _tidy


def _sms(blocks: list[str], language: str) -> Shape:
    """One short paragraph, in letters that every phone knows."""
    return "\n".join(_text(block, {}, language) for block in blocks), "", lambda text: spell(one_line(text))


def _call(blocks: list[str], language: str) -> Shape:
    """What a colleague reads while they speak: headings, sentences, points."""
    plain = "\n\n".join(_text(block, {}, language) for block in blocks)
    return plain, "\n".join(_script(block, language) for block in blocks), _tidy


SHAPES: Mapping[str, Callable[[list[str], str], Shape]] = {
    "email": _letter,
    "letter": _letter,
    "sms": _sms,
    "whatsapp": _sms,
    "call": _call,
    "ivr": _call,
}


def _mjml(block: str, words: Mapping[str, str], language: str, held: list[str]) -> str:
    if _only_tags(block):
        return f"<mj-raw>{_hold(block, held)}</mj-raw>"
    part = _PART.match(block)
    if part:
        return _placed(part[1], "mjml", words, language)
    title, content = ("title", block[2:]) if block.startswith("# ") else ("words", block)
    return f'<mj-text mj-class="{title}">{_inline(content, language, held)}</mj-text>'


def _script(block: str, language: str) -> str:
    if _only_tags(block):
        return block
    held: list[str] = []
    if block.startswith("# "):
        page = f"<h3>{_inline(block[2:], language, held)}</h3>"
    elif all(line.startswith("- ") for line in block.split("\n")):
        points = (_inline(line[2:], language, held) for line in block.split("\n"))
        page = "<ul>" + "".join(f"<li>{point}</li>" for point in points) + "</ul>"
    else:
        page = f"<p>{_inline(block, language, held)}</p>"
    return _HELD.sub(lambda place: held[int(place[1])], page)


def spread(block: str, language: str) -> str:
    """The block as an element of a letter; a part says in its own .letter what is to be drawn, else its words stand for it."""
    if _only_tags(block):
        return block
    part, words = _PART.match(block), _words(language)
    held: list[str] = []
    if part and (LIBRARY / "parts" / f"{part[1]}.letter").exists():
        return _placed(part[1], "letter", words, language)
    if part:
        page = f"<words>{html.escape(_hold(_placed(part[1], 'txt', words, language), held), quote=False)}</words>"
    else:
        kind, content = ("title", block[2:]) if block.startswith("# ") else ("words", block)
        page = f"<{kind}>{_inline(content, language, held)}</{kind}>"
    return _HELD.sub(lambda place: held[int(place[1])], page)


def _hold(text: str, held: list[str]) -> str:
    """The text with a mark in the place of each tag: no markup is made of what stands between braces."""
    for tag in reversed(list(scan(text))):
        held.append(tag.whole)
        text = f"{text[: tag.start]}\ue000{len(held) - 1}\ue001{text[tag.start + len(tag.whole) :]}"
    return text


def _inline(block: str, language: str, held: list[str]) -> str:
    """Paragraph text as HTML: what is not a tag of Liquid is text, not markup."""
    escaped = html.escape(_spaced(_hold(_LINK.sub("⟦\\2⟧\\1⟦/⟧", block), held), language), quote=False)
    linked = re.sub(r"⟦([^/⟧][^⟧]*)⟧([^⟦⟧]*)⟦/⟧", r'<a href="\1">\2</a>', escaped)
    return _BOLD.sub(r"<strong>\1</strong>", linked).replace("\n", "<br/>\n")


def _text(block: str, words: Mapping[str, str], language: str) -> str:
    part = _PART.match(block)
    if part:
        return _placed(part[1], "txt", words, language)
    return spaced(_BOLD.sub(r"\1", _LINK.sub(r"\1 (\2)", block.removeprefix("# "))), language)


def _placed(name: str, kind: str, words: Mapping[str, str], language: str) -> str:
    path = LIBRARY / "parts" / f"{name}.{kind}"
    if not path.exists() or not words:
        raise UnableToCompose(_("There is no part named “[%(name)s]” for this medium.") % {"name": name})
    return _layout(f"parts/{name}.{kind}", words, language).strip()


@cache
def parts() -> tuple[str, ...]:
    """The parts that an e-mail may place, by name."""
    return tuple(sorted(path.stem for path in (LIBRARY / "parts").glob("*.mjml")))


@cache
def _file(name: str) -> str:
    return (LIBRARY / name).read_text(encoding="utf-8")


def _layout(name: str, words: Mapping[str, str], language: str) -> str:
    return Words(_file(name)).substitute(words, language=language)


@cache
def _words(language: str) -> dict[str, str]:
    """The small words of layout and parts."""
    found: dict[str, str] = yaml.safe_load(_file(f"words.{language}.yaml"))
    return {name: _text(text, {}, language) for name, text in found.items()}


def spaced(text: str, language: str) -> str:
    """The text with the spaces of its language; what stands between braces is left as it is."""
    held: list[str] = []
    return _HELD.sub(lambda place: held[int(place[1])], _spaced(_hold(text, held), language))


def _spaced(text: str, language: str) -> str:
    """French puts a space that does not break before : ; ? ! » % € and after « and n°."""
    if language != "fr":
        return text
    text = re.sub(r" (?=[:»€%])", "\u00a0", text)
    return re.sub(r"([«°]) ", "\\1\u00a0", re.sub(r" (?=[;?!])", "\u202f", text))


def one_line(text: str) -> str:
    return re.sub(r"[ \t\r\n]+", " ", text).strip()


def _tidy(text: str) -> str:
    """Plain text with single blank lines and no trailing spaces."""
    lines = "\n".join(line if line == "-- " else line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _slim(page: str) -> str:
    """HTML without the indentation that no reader sees, and with line ends where none shows: mail knows no long lines."""
    page = re.sub(r"(?<=>)(?=<t(?:able|r|d|h)[ >])|(?<=</t[drh]>)(?=<)|(?<=</table>|</style>)(?=<)", "\n", page)
    return re.sub(r"\n\s*\n+", "\n", re.sub(r"(?m)^[ \t]+", "", page))
