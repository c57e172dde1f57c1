"""From a text as people write it to what a message needs: paragraphs and placed parts become MJML, and plain text.

One source gives both versions, so that they always say the same. MJML is compiled once per text, Liquid runs after.
Never: a text that reads files, runs code, loops without end, or names something that does not exist.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from string import Template as Words
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

import mrml
import yaml
from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.exceptions import LiquidError

from amiable.core.errors import UnableTo

LIBRARY = Path(__file__).parent / "library"
LONGEST = 20_000
TONES = ("firm", "neutral", "warm")
Block = dict[str, Any]
_UNPRINTED = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML has no place for
_TAG = re.compile(r"(\{%.*?%\}|\{\{.*?\}\})", re.DOTALL)
_ONLY_TAGS = re.compile(r"^(\{%.*?%\}\s*)+$", re.DOTALL)
_PART = re.compile(r"^\[([a-z-]+)\]$")
_BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
_LINK = re.compile(r"\[([^\]\n]+)\]\((\{\{[^}\n]+\}\}|(?:https?://|mailto:|tel:)[^)\s]+)\)")


class UnableToCompose(UnableTo):
    """The text cannot be used; the message says which place is wrong."""


class _Sandbox(Environment):
    """Liquid that knows no files and cannot run away."""

    context_depth_limit = 10
    block_nesting_limit = 20
    loop_iteration_limit = 1_000
    local_namespace_limit = 10_000


def _sandbox(*, escape: bool) -> Environment:
    environment = _Sandbox(undefined=StrictUndefined, autoescape=escape)
    for tag in ("include", "render", "extends", "block", "tablerow", "increment", "decrement"):
        environment.tags.pop(tag, None)
    return environment


_PLAIN = _sandbox(escape=False)
_HTML = _sandbox(escape=True)


@dataclass(frozen=True)
class Composed:
    """A text ready to be filled, as often as wished."""

    subject: BoundTemplate
    preheader: BoundTemplate
    text: BoundTemplate
    html: BoundTemplate
    spread: BoundTemplate  # for a letter or a script: blocks as elements, see `blocks`

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name from outside that the text uses, in all its branches: `creditor.name`, `invoices`."""
        texts = (self.subject, self.preheader, self.text, self.html)
        return frozenset(path for template in texts for path in template.global_variable_paths())

    @cached_property
    def tells_balance(self) -> bool:
        """Whether the text speaks of the whole account, not only of the message's invoices."""
        return any(name.startswith("statement.") for name in self.names)

    def fill(self, context: Mapping[str, Any]) -> tuple[str, str, str]:
        """Subject, plain text and HTML. Raises UnableToCompose where the text names something that is not there."""
        try:
            subject = _one_line(self.subject.render(context))
            preheader = _one_line(self.preheader.render(context))
            text = _tidy(self.text.render({**context, "subject": subject}))
            page = self.html.render({**context, "subject": subject, "preheader": preheader})
        except LiquidError as error:
            raise UnableToCompose(f"The text cannot be filled: {error}.") from error
        return subject, text, page

    def blocks(self, context: Mapping[str, Any]) -> list[Block]:
        """What stands below the greeting's address, block by block: titles, paragraphs in runs, parts to be drawn.

        Raises UnableToCompose, as `fill` does.
        """
        try:
            spread = self.spread.render(context)
            found = fromstring(f"<all>{_UNPRINTED.sub('', spread)}</all>")
        except LiquidError as error:
            raise UnableToCompose(f"The text cannot be filled: {error}.") from error
        except ParseError as error:
            raise UnableToCompose(
                f"The text cannot be laid out: its signs for bold or links cross ({error})."
            ) from error
        return [block for each in found if (block := _block(each))]


@lru_cache(maxsize=512)
def compose(source: str, *, subject: str, language: str, medium: str = "email") -> Composed:
    """The text `source`, with its front matter if it has one (`subject`, `preheader`), in the house's layout.

    An SMS is its text alone: no subject, no layout, no HTML.
    """
    if len(source) > LONGEST:
        raise UnableToCompose(f"A text may have {LONGEST} characters at most; this one has {len(source)}.")
    front, body = _front_matter(source)
    if medium == "sms":
        return _short(body)
    words = _words(language)
    blocks = [block.strip() for block in re.split(r"\n\s*\n", body.strip()) if block.strip()]
    mjml = _layout("layout.mjml", words, language).replace(
        "<!-- body -->", "\n".join(_mjml(b, words, language) for b in blocks)
    )
    plain = _layout("layout.txt", words, language).replace(
        "<!-- body -->", "\n\n".join(_text(b, words, language) for b in blocks)
    )
    try:
        page = mrml.to_html(mjml, render_options=mrml.RenderOptions(disable_comments=True, fonts={})).content
    except Exception as error:
        raise UnableToCompose(f"The layout cannot be compiled: {error}.") from error
    try:
        return Composed(
            subject=_PLAIN.from_string(_spaced(str(front.get("subject", subject)), language)),
            preheader=_PLAIN.from_string(_spaced(str(front.get("preheader", "")), language)),
            text=_PLAIN.from_string(plain),
            html=_HTML.from_string(_slim(page)),
            spread=_HTML.from_string("\n".join(_spread(b, words, language) for b in blocks)),
        )
    except LiquidError as error:
        raise UnableToCompose(f"The text has a mistake: {error}.") from error


def check(source: str, *, subject: str, language: str, known: Mapping[str, Any]) -> None:
    """Raises UnableToCompose when the text names, in any branch, what `known` does not have."""
    for name in sorted(compose(source, subject=subject, language=language).names):
        place: Any = known
        for step in name.split("."):
            if step in {"subject", "preheader", "size", "first", "last"}:
                break
            if not isinstance(place, Mapping) or step not in place:
                raise UnableToCompose(f"There is nothing named “{name}”.")
            place = place[step]


@cache
def house_text(language: str, audience: str, key: str, tone: str, medium: str = "email") -> str:
    """The house's own text, in this tone or else in the one that it exists in: `reminder_1.warm.liquid` is an e-mail,
    `reminder_1.warm.sms.liquid` an SMS; a letter that has no text of its own says what the e-mail says."""
    folder = LIBRARY / language / audience
    ends = {"email": [".liquid"], "letter": [".letter.liquid", ".liquid"]}.get(medium, [f".{medium}.liquid"])
    wished = [folder / f"{key}.{each}{end}" for end in ends for each in (tone, *TONES)]
    found = [path for path in wished if path.exists()]
    if not found:
        raise UnableToCompose(f"There is no text “{key}” for {audience} in {language} by {medium}.")
    return found[0].read_text(encoding="utf-8")


def _short(body: str) -> Composed:
    try:
        return Composed(*(_PLAIN.from_string(text) for text in ("", "", body.strip(), "", "")))
    except LiquidError as error:
        raise UnableToCompose(f"The text has a mistake: {error}.") from error


def _front_matter(source: str) -> tuple[dict[str, Any], str]:
    if not source.startswith("---\n"):
        return {}, source
    head, _mark, body = source[4:].partition("\n---\n")
    try:
        front = yaml.safe_load(head)
    except yaml.YAMLError as error:
        raise UnableToCompose("The lines between the two “---” are not readable.") from error
    if not isinstance(front, dict):
        raise UnableToCompose("The lines between the two “---” must name a subject and a preheader.")
    return front, body


def _mjml(block: str, words: Mapping[str, str], language: str) -> str:
    if _ONLY_TAGS.match(block):
        return f"<mj-raw>{block}</mj-raw>"
    part = _PART.match(block)
    if part:
        return _placed(part[1], "mjml", words, language)
    title, content = ("title", block[2:]) if block.startswith("# ") else ("words", block)
    return f'<mj-text mj-class="{title}">{_inline(content, language)}</mj-text>'


def _inline(block: str, language: str) -> str:
    """Paragraph text as HTML: what is not a tag of Liquid is text, not markup."""
    pieces = _TAG.split(_LINK.sub(r"⟦\2⟧\1⟦/⟧", block))
    escaped = "".join(
        piece if index % 2 else _spaced(html.escape(piece, quote=False), language) for index, piece in enumerate(pieces)
    )
    linked = re.sub(r"⟦([^/⟧][^⟧]*)⟧(.*?)⟦/⟧", r'<a href="\1">\2</a>', escaped, flags=re.DOTALL)
    return _BOLD.sub(r"<strong>\1</strong>", linked).replace("\n", "<br/>\n")


def _text(block: str, words: Mapping[str, str], language: str) -> str:
    part = _PART.match(block)
    if part:
        return _placed(part[1], "txt", words, language)
    plain = _LINK.sub(r"\1 (\2)", block.removeprefix("# "))
    pieces = _TAG.split(_BOLD.sub(r"\1", plain))
    return "".join(piece if index % 2 else _spaced(piece, language) for index, piece in enumerate(pieces))


def _spread(block: str, words: Mapping[str, str], language: str) -> str:
    """The block as an element; a part says in its own .letter what is to be drawn, else its plain text stands for it."""
    if _ONLY_TAGS.match(block):
        return block
    part = _PART.match(block)
    if part and (LIBRARY / "parts" / f"{part[1]}.letter").exists():
        return _placed(part[1], "letter", words, language)
    if part:
        pieces = _TAG.split(_placed(part[1], "txt", words, language))
        plain = "".join(piece if index % 2 else html.escape(piece, quote=False) for index, piece in enumerate(pieces))
        return f"<words>{plain}</words>"
    kind, content = ("title", block[2:]) if block.startswith("# ") else ("words", block)
    return f"<{kind}>{_inline(content, language)}</{kind}>"


def _block(element: Element) -> Block:
    """One block of a letter; empty where nothing stands in it."""
    if element.tag == "part":
        return {"kind": element.get("name", "")}
    runs = _runs(element)
    return {"kind": element.tag, "runs": runs} if any(run["text"].strip() for run in runs) else {}


def _runs(element: Element, **style: Any) -> list[Block]:
    """The words of an element, run by run: bold or not, and where they lead."""
    found: list[Block] = [{"text": element.text, **style}] if element.text else []
    for child in element:
        tail = child.tail or ""
        if child.tag == "br":
            found.append({"text": "\n"})
            tail = tail.removeprefix("\n")
        else:
            own = {"url": child.get("href", "")} if child.tag == "a" else {"bold": True}
            found += _runs(child, **style, **own)
        found += [{"text": tail, **style}] if tail else []
    return found


def _placed(name: str, kind: str, words: Mapping[str, str], language: str) -> str:
    path = LIBRARY / "parts" / f"{name}.{kind}"
    if not path.exists():
        raise UnableToCompose(f"There is no part named “[{name}]”.")
    return _layout(f"parts/{name}.{kind}", words, language).strip()


@cache
def _file(name: str) -> str:
    return (LIBRARY / name).read_text(encoding="utf-8")


def _layout(name: str, words: Mapping[str, str], language: str) -> str:
    return Words(_file(name)).substitute(words, language=language)


@cache
def _words(language: str) -> dict[str, str]:
    """The small words of layout and parts."""
    found: dict[str, str] = yaml.safe_load(_file(f"words.{language}.yaml"))
    return {
        name: "".join(_spaced(p, language) if i % 2 == 0 else p for i, p in enumerate(_TAG.split(text)))
        for name, text in found.items()
    }


def _spaced(text: str, language: str) -> str:
    """French puts a space that does not break before : ; ? ! » % € and after « and n°."""
    if language != "fr":
        return text
    text = re.sub(r" (?=[:»€%])", "\u00a0", text)
    return re.sub(r"([«°]) ", "\\1\u00a0", re.sub(r" (?=[;?!])", "\u202f", text))


def _one_line(text: str) -> str:
    return re.sub(r"[ \t\r\n]+", " ", text).strip()


def _tidy(text: str) -> str:
    """Plain text with single blank lines and no trailing spaces."""
    lines = "\n".join(line if line == "-- " else line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _slim(page: str) -> str:
    """HTML without the indentation that no reader sees, and with line ends where none shows: mail knows no long lines."""
    page = re.sub(r"(?<=>)(?=<t(?:able|r|d|h)[ >])|(?<=</t[drh]>)(?=<)|(?<=</table>|</style>)(?=<)", "\n", page)
    return re.sub(r"\n\s*\n+", "\n", re.sub(r"(?m)^[ \t]+", "", page))
