"""From a text as people write it to what a medium needs: an e-mail in two versions, an SMS, a script for a call.

One source gives the two versions of an e-mail, so that they always say the same. MJML is compiled once per text,
Liquid runs after. Never: a text that reads files, runs code, loops without end, or names something that does not exist.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

import yaml
from django.utils.translation import gettext as _
from liquid import BoundTemplate
from yaml.events import AliasEvent

from amiable.outreach import sandbox
from amiable.outreach.house import house_text as house_text
from amiable.outreach.sandbox import LONGEST
from amiable.outreach.sandbox import UnableToCompose as UnableToCompose
from amiable.outreach.shape import LIBRARY as LIBRARY
from amiable.outreach.shape import SHAPES, blocks, one_line, spaced, spread

Block = dict[str, Any]
_UNPRINTED = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML has no place for
HEAD = 2_000  # characters of the lines between the two “---”
HEADS = ("subject", "preheader")
# What messages of one creditor mostly have alike: a text is filled with it once, not once for each of them.
SHARED = ("creditor", "purpose", "tone", "by_transfer", "by_qr", "sms_stop", "late_charges", "indemnity")
MOST_KNOWN = 64  # ways in which a text is kept filled with it


@dataclass(frozen=True)
class Source:
    """A text as it is written: its head and its body, and the line on which the body begins."""

    subject: str
    preheader: str
    body: str
    first_line: int = 1


@dataclass(frozen=True)
class Composed:
    """A text ready to be filled, as often as wished."""

    subject: BoundTemplate
    preheader: BoundTemplate
    text: BoundTemplate
    html: BoundTemplate
    spread: BoundTemplate  # for a letter or a script: blocks as elements, see `blocks`
    finish: Callable[[str], str]
    _known: dict[str, tuple[BoundTemplate, BoundTemplate]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name from outside that the text uses, in all its branches: `creditor.name`, `invoices`."""
        texts = (self.subject, self.preheader, self.text, self.html)
        return frozenset(path for template in texts for path in sandbox.names(template))

    @cached_property
    def tells_balance(self) -> bool:
        """Whether the text speaks of the whole account, not only of the message's invoices."""
        return any(name.startswith("statement.") for name in self.names)

    def fill(self, context: Mapping[str, Any]) -> tuple[str, str, str]:
        """Subject, plain text and HTML. Raises UnableToCompose where the text names something that is not there."""
        subject = one_line(sandbox.fill(self.subject, context))
        preheader = one_line(sandbox.fill(self.preheader, context))
        text, html = self._settled({name: context[name] for name in SHARED if name in context})
        plain = self.finish(sandbox.fill(text, {**context, "subject": subject}))
        page = sandbox.fill(html, {**context, "subject": subject, "preheader": preheader})
        return subject, plain, page

    def _settled(self, known: Mapping[str, Any]) -> tuple[BoundTemplate, BoundTemplate]:
        """Plain text and HTML in which what all messages of a creditor have alike is written out already."""
        key = repr(known)
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = sandbox.settle(self.text, known), sandbox.settle(self.html, known)
        return self._known[key]

    def blocks(self, context: Mapping[str, Any]) -> list[Block]:
        """What stands below a letter's address, block by block: titles, paragraphs in runs, parts to be drawn.

        Raises UnableToCompose, as `fill` does.
        """
        filled = _UNPRINTED.sub("", sandbox.fill(self.spread, context))
        try:
            found = fromstring(f"<all>{filled}</all>")
        except ParseError as error:
            raise UnableToCompose(_("The text cannot be laid out: its signs for bold or links cross.")) from error
        return [block for each in found if (block := _block(each))]


@lru_cache(maxsize=1024)
def compose(source: str, *, subject: str, language: str, medium: str = "email") -> Composed:
    """The text `source`, with its head if it has one, for a medium. A letter's words are those of an e-mail."""
    written = read(source, subject=subject)
    sandbox.parse(written.body, first_line=written.first_line)
    pieces = list(blocks(written.body, first_line=written.first_line))
    heads = {
        name: sandbox.parse(spaced(getattr(written, name), language), first_line=line)
        for line, name in enumerate(HEADS, start=2)
    }
    text, page, finish = SHAPES[medium](pieces, language)
    on_paper = "\n".join(spread(piece, language) for piece in pieces) if medium in {"letter", "call"} else ""
    return Composed(
        **heads,
        text=sandbox.parse(text),
        html=sandbox.parse(page, escape=True),
        spread=sandbox.parse(on_paper, escape=True),
        finish=finish,
    )


def check(
    source: str,
    *,
    subject: str,
    language: str,
    known: Mapping[str, Any],
    medium: str = "email",
    example: Mapping[str, Any] | None = None,
) -> tuple[str, str, str]:
    """The text filled with an example (`known` itself without one), after each name in any branch was looked up in `known`.

    Raises UnableToCompose with the line of the first mistake.
    """
    example = known if example is None else example
    composed = compose(source, subject=subject, language=language, medium=medium)
    written = read(source, subject=subject)
    places = {name: 2 + place for place, name in enumerate(HEADS)} | {"body": written.first_line}
    for name, first_line in places.items():
        template = sandbox.parse(getattr(written, name), first_line=first_line)
        for path, line in sorted(sandbox.names(template).items(), key=lambda found: found[1]):
            _know(path, known, first_line + line - 1)
        sandbox.fill(template, example, first_line=first_line)
    for path in sorted(composed.names):
        _know(path, known, 0)
    return composed.fill(example)


def _know(path: str, known: Mapping[str, Any], line: int) -> None:
    place: Any = known
    for step in re.sub(r"\[(\d+)\]", r".\1", path).split("."):
        if step in {"subject", "preheader", "size"}:
            return
        if isinstance(place, list) and (step.isdecimal() or step in {"first", "last"}):
            place = place[0]
        elif isinstance(place, Mapping) and step in place:
            place = place[step]
        else:
            raise UnableToCompose(_("There is nothing named “%(name)s”.") % {"name": path}, line)


def read(source: str, *, subject: str = "") -> Source:
    """Head and body of a text; `subject` where the head has none. Raises UnableToCompose."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if len(source) > LONGEST:
        sentence = _("A text may have %(most)s characters at most; this one has %(size)s.")
        raise UnableToCompose(sentence % {"most": LONGEST, "size": len(source)})
    if "\ue000" in source or "\ue001" in source:
        raise UnableToCompose(_("The text holds a sign that cannot be shown."))
    if not source.startswith("---\n"):
        return Source(subject, "", source)
    head, mark, body = source[4:].partition("\n---\n")
    if not mark:
        raise UnableToCompose(_("The head of the text is not closed: a line “---” is missing."), 1)
    return Source(**{"subject": subject, "preheader": ""} | _head(head), body=body, first_line=head.count("\n") + 4)


class _Plain(yaml.SafeLoader):
    """YAML without references, which can say more than memory holds in a few lines."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(AliasEvent):
            raise yaml.YAMLError("references are not used here")
        return super().compose_node(parent, index)


def _head(text: str) -> dict[str, str]:
    try:
        found = yaml.load(text, Loader=_Plain) if len(text) <= HEAD else None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UnableToCompose(_("The lines between the two “---” cannot be read."), 2) from error
    if (
        not isinstance(found, dict)
        or not set(found) <= set(HEADS)
        or not all(isinstance(v, str) for v in found.values())
    ):
        raise UnableToCompose(_("Between the two “---” stand a subject and a preheader, in quotes, and no more."), 2)
    return found


def write(*, subject: str, preheader: str, body: str) -> str:
    """A text in one piece, as it is kept and as files hold it."""
    told = {"subject": subject, "preheader": preheader}
    lines = [f"{name}: {_quoted(one_line(value))}" for name, value in told.items() if value.strip()]
    return "\n".join(["---", *lines, "---", body.strip(), ""]) if lines else body.strip() + "\n"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


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
