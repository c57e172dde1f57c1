"""Liquid as people write it, kept in a box: it reads the names that it is given, and can neither run on nor grow.

In: a piece of text. Out: a template to be filled as often as wished, and the names that it uses.
Never: a file, the clock, an attribute of an object, a range, more work or words than the limits below.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from functools import wraps
from io import StringIO
from typing import Any

from django.utils.translation import gettext as _
from liquid import BoundTemplate, Environment, RenderContext, StrictUndefined
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import (
    FilterArgumentError,
    FilterError,
    FilterValueError,
    LiquidError,
    LiquidTypeError,
    ResourceLimitError,
    UndefinedError,
    UnknownFilterError,
)
from liquid.expression import Expression
from liquid.token import Token
from liquid.undefined import UNDEFINED

from amiable.core.errors import UnableTo

LONGEST = 20_000  # characters of a text, and of every value that it makes on its way
MOST_OUTPUT = 400_000  # characters of a filled text, layout included
MOST_ITEMS = 1_000  # rounds of all loops inside one another, and items of a list
LARGEST = 10**15  # of a number
MOST_STEPS = 60_000  # places of the text passed while it is filled
MOST_SECONDS = 0.5  # of work of the processor, where every single step were a slow one
TAGS = ("if", "unless", "case", "for", "break", "continue", "assign", "comment")
PAIRED = frozenset({"if", "unless", "case", "for", "comment"})
_KNOWN = {"", *TAGS, "else", "elsif", "when", *(f"end{name}" for name in PAIRED)}
_INNER_TAGS = ("content", "illegal", "expression", "output")  # how Liquid names what stands between the tags
FILTERS = (
    "abs", "append", "at_least", "at_most", "capitalize", "default", "divided_by", "downcase", "first", "join", "last",
    "map", "minus", "modulo", "plus", "prepend", "remove", "replace", "reverse", "round", "size", "slice", "sort",
    "strip", "times", "truncate", "truncatewords", "upcase",
)  # fmt: skip
_MARK = re.compile(r"\{\{|\{%|\}\}|%\}")
_CLOSES = {"{{": "}}", "{%": "%}"}
_PATH = re.compile(r"[\w.\-]+")


class UnableToCompose(UnableTo):
    """The text cannot be used; the sentence says what is wrong, `line` where (0: nowhere in particular)."""

    def __init__(self, sentence: str, line: int = 0) -> None:
        place = _("Line %(line)s: %(sentence)s") % {"line": line, "sentence": sentence} if line else sentence
        super().__init__(place)
        self.sentence, self.line = sentence, line


_NONE: list[str] = []


class _Watched(RenderContext):
    """Counts every step: Liquid asks for the tags that are out of use before each node that it renders."""

    __slots__ = ("_ends", "_paper", "_steps")

    def __init__(self, template: BoundTemplate, *, paper: StringIO, **more: Any) -> None:
        self._steps, self._ends, self._paper = 0, 0.0, paper
        super().__init__(template, **more)

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        """What a path leads to: straight through names and groups, which is what nearly every text asks for."""
        try:
            place = self.scope[path[0]]  # type: ignore[index]
            for step in path[1:]:
                if type(place) is not dict:
                    return super().get(path, token=token, default=default)
                place = place[step]
        except (KeyError, TypeError):
            return super().get(path, token=token, default=default)
        return place

    def _take_stock(self) -> None:
        """The clock is asked for the first time here: asking it costs more than what most texts do."""
        now = time.thread_time()
        self._ends = self._ends or now + MOST_SECONDS
        if self._steps > MOST_STEPS or self._paper.tell() > MOST_OUTPUT or now > self._ends:
            raise ResourceLimitError("too much work", token=None)

    @property
    def disabled_tags(self) -> list[str]:
        self._steps += 1
        if not self._steps & 127:
            self._take_stock()
        return _NONE

    @disabled_tags.setter
    def disabled_tags(self, value: list[str]) -> None:
        """None is ever out of use: those that nobody may use are not known in the first place."""


class _Template(BoundTemplate):
    def render(self, *args: Any, **kwargs: Any) -> str:
        paper = StringIO()
        context = _Watched(self, paper=paper, globals=dict(*args, **kwargs))
        self.render_with_context(context, paper)
        return paper.getvalue()


class _Sandbox(Environment):
    template_class = _Template
    context_depth_limit = 12
    block_nesting_limit = 12
    loop_iteration_limit = MOST_ITEMS
    local_namespace_limit = LONGEST

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=False)
        self.tags = {name: tag for name, tag in self.tags.items() if name in (*TAGS, *_INNER_TAGS)}
        self.filters = {name: _bounded(name, self.filters[name]) for name in FILTERS}


def _bounded(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that takes and gives only what is small, so that no chain of filters grows."""

    @wraps(call)
    def filtered(value: Any, *args: Any, **more: Any) -> Any:
        if name == "replace" and args:
            found = str(value).count(str(args[0])) if args[0] != "" else len(str(value)) + 1
            _weigh(found * len(str(args[1] if len(args) > 1 else "")))
        for each in (value, *args):
            _check_size(each)
        try:
            result = call(value, *args, **more)
        except (ValueError, ArithmeticError) as error:
            raise FilterError(f"{name}: {error}", token=None) from error
        _check_size(result)
        return result

    return filtered


def _check_size(value: Any) -> None:
    if isinstance(value, bool | None):
        return
    if isinstance(value, str):
        _weigh(len(value))
    elif isinstance(value, int | float | Decimal):
        if not -LARGEST <= value <= LARGEST:  # not a number at all is not between them either
            raise ResourceLimitError("number", token=None)
    elif isinstance(value, Sequence | Mapping) and len(value) > MOST_ITEMS:
        raise ResourceLimitError("list", token=None)


def _weigh(size: int) -> None:
    if size > LONGEST:
        raise ResourceLimitError("text", token=None)


_PLAIN = _Sandbox(undefined=StrictUndefined, autoescape=False)
_HTML = _Sandbox(undefined=StrictUndefined, autoescape=True)


def parse(source: str, *, escape: bool = False, first_line: int = 1) -> BoundTemplate:
    """The template; raises UnableToCompose with the line, counted from `first_line`."""
    found = list(scan(source, first_line=first_line))
    _pair(found)
    environment = _HTML if escape else _PLAIN
    try:
        with _told(first_line):
            template = environment.from_string(source)
            _refuse_ranges(template)
    except UnableToCompose as error:
        raise UnableToCompose(error.sentence, error.line or _line_of_fault(environment, found)) from error
    return template


def fill(template: BoundTemplate, context: Mapping[str, Any], *, first_line: int = 0) -> str:
    """The template filled with what `context` holds; `first_line` where the lines are those that a person wrote."""
    with _told(first_line):
        return template.render(context)


def settle(template: BoundTemplate, known: Mapping[str, Any]) -> BoundTemplate:
    """The template with whatever depends on `known` alone written out: filled with these and more it says the same."""
    if "assign" in template.analyze().tags:
        return template  # a name that the text gives itself may be one of the known ones
    settled = copy(template)
    settled.nodes = _joined(_settled(node, template, known) for node in template.nodes)
    return settled


def _joined(nodes: Iterable[Node]) -> list[Node]:
    """The nodes, with what is only words and stands side by side as one: each node costs, whatever is in it."""
    found: list[Node] = []
    for node in nodes:
        last = found[-1] if found else None
        if isinstance(node, ContentNode) and isinstance(last, ContentNode):
            found[-1] = ContentNode(last.token, last.text + node.text)
        else:
            found.append(node)
    return found


def _settled(node: Node, template: BoundTemplate, known: Mapping[str, Any]) -> Node:
    part = copy(template)
    part.nodes = [node]
    if isinstance(node, ContentNode) or not part.analyze().globals.keys() <= known.keys():
        return node
    return ContentNode(node.token, fill(part, known))


def names(template: BoundTemplate) -> dict[str, int]:
    """Every name from outside that the template uses, in all its branches, and the line on which it first does."""
    source = template.nodes[0].token.source if template.nodes else ""
    found: dict[str, int] = {}
    for variables in template.analyze().globals.values():
        for each in variables:
            line = 1 + source.count("\n", 0, max(each.span.index, 0))
            found[str(each)] = min(line, found.get(str(each), line))
    return found


@dataclass(frozen=True)
class Tag:
    """One place between braces: `{{ words }}` or `{% words %}`, from its first brace to its last."""

    whole: str
    start: int
    line: int

    @property
    def name(self) -> str:
        """The instruction's own word; empty for a name that is filled in."""
        words = self.whole[2:-2].strip("-").split(maxsplit=1)
        return words[0] if self.whole.startswith("{%") and words else ""


def scan(source: str, *, first_line: int = 1) -> Iterator[Tag]:
    """The tags of a text, one after the other, in one pass; raises UnableToCompose where one is not closed."""
    opened: re.Match[str] | None = None
    line, counted = first_line, 0
    for mark in _MARK.finditer(source):
        if mark[0] in _CLOSES:
            if opened is None:
                line, counted = line + source.count("\n", counted, mark.start()), mark.start()
                opened = mark
                continue
            raise _unclosed(opened[0], line)
        if opened and mark[0] == _CLOSES[opened[0]]:
            yield Tag(source[opened.start() : mark.end()], opened.start(), line)
            opened = None
    if opened:
        raise _unclosed(opened[0], line)


def _unclosed(mark: str, line: int) -> UnableToCompose:
    sentence = _("“%(opens)s” is opened and not closed: “%(closes)s” is missing.")
    return UnableToCompose(sentence % {"opens": mark, "closes": _CLOSES[mark]}, line)


def _pair(found: Sequence[Tag]) -> None:
    """Raises UnableToCompose where an instruction that has an end lacks it, or an end its beginning."""
    opened: list[Tag] = []
    for tag in found:
        remark = bool(opened) and opened[-1].name == "comment"
        if remark and tag.name != "endcomment":
            continue
        if tag.name not in _KNOWN:
            raise UnableToCompose(
                _("“%(tag)s” is no instruction that can be used here.") % {"tag": tag.whole}, tag.line
            )
        if tag.name.startswith("end"):
            if not opened or tag.name != f"end{opened[-1].name}":
                sentence = _("“%(tag)s” closes nothing that is open here.")
                raise UnableToCompose(sentence % {"tag": tag.whole}, tag.line)
            opened.pop()
        elif tag.name in PAIRED:
            opened.append(tag)
    if opened:
        sentence = _("“%(tag)s” is never closed: “{%% end%(name)s %%}” is missing.")
        raise UnableToCompose(sentence % {"tag": opened[-1].whole, "name": opened[-1].name}, opened[-1].line)


def _line_of_fault(environment: Environment, found: Sequence[Tag]) -> int:
    """The line of the first tag that cannot be read by itself, where Liquid does not say it; 0 for none."""
    for tag in found:
        if tag.name in {"else", "elsif", "when"} or tag.name.startswith("end"):
            continue
        try:
            environment.from_string(tag.whole + (f"{{% end{tag.name} %}}" if tag.name in PAIRED else ""))
        except (LiquidError, RecursionError):
            return tag.line
    return 0


def _refuse_ranges(template: BoundTemplate) -> None:
    """A range may be longer than memory is large, and no letter needs one."""
    nodes: list[Node] = list(template.nodes)
    context = RenderContext(template)
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children(context, include_partials=False))
        expressions: list[Expression] = list(node.expressions())
        while expressions:
            expression = expressions.pop()
            if isinstance(expression, RangeLiteral):
                raise _Range("range", token=expression.token)
            expressions.extend(expression.children())


class _Range(LiquidError):
    """A range stands in the text."""


@contextmanager
def _told(first_line: int) -> Iterator[None]:
    """Whatever Liquid has to say becomes one sentence with a line."""
    try:
        yield
    except LiquidError as error:
        raise UnableToCompose(_sentence(error), _line(error, first_line)) from error
    except RecursionError as error:
        raise UnableToCompose(_("The text is nested too deeply.")) from error


def _line(error: LiquidError, first_line: int) -> int:
    token = error.token
    if not first_line or token is None or token.start_index < 0:
        return 0
    return first_line + token.source.count("\n", 0, token.start_index)


def _sentence(error: LiquidError) -> str:
    token = error.token
    known = token is not None and token.start_index >= 0
    near = str(token.value).strip().split("\n")[0][:40] if token and known else ""
    if isinstance(error, UndefinedError):
        path = _PATH.match(token.source, token.start_index) if token and known else None
        return _("There is nothing named “%(name)s”.") % {"name": path[0] if path else near}
    if isinstance(error, UnknownFilterError):
        sentence = _("There is no filter “%(name)s”; those that exist are: %(filters)s.")
        return sentence % {"name": near, "filters": ", ".join(FILTERS)}
    if isinstance(error, _Range):
        return _("Ranges like (1..9) cannot be used: repeat over a list of the message, such as “invoices”.")
    if isinstance(error, ResourceLimitError):
        return _("The text repeats, nests or grows too much to be a message.")
    if isinstance(error, FilterError | FilterArgumentError | FilterValueError | LiquidTypeError):
        return _("The filter “%(name)s” is given something that it cannot work with.") % {"name": near}
    if near:
        return _("This cannot be read near “%(near)s”: look at its brackets, quotes and words.") % {"near": near}
    return _("Something is missing between these braces.")
