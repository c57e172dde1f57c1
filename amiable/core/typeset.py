"""Typesets PDF documents with Typst: the same file from the same data, on every machine. Free of Django.

In: a .typ file of ours and data as JSON. Out: the PDF. Never: data read as markup, a file outside the template's
folder, a font of the system.
"""

import json
import os
import re
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import typst

from amiable.core.errors import UnableTo


class UnableToTypeset(UnableTo):
    """The document cannot be made; the message is Typst's."""


# Our documents are short: more threads for one of them would only get into each other's way. Who wants more speed sets
# several documents at once, in processes.
os.environ.setdefault("RAYON_NUM_THREADS", "1")
# A compiler keeps what it has parsed and measured; it serves one thread at a time, and compiling lets others run.
_own = threading.local()


def pdf(template: Path, data: Any, *, made_at: datetime, tagged: bool = True) -> bytes:
    """The PDF of `template`, which finds `data` with `json(bytes(sys.inputs.data))`. `made_at` is its stated date.

    `tagged`: with the structure that screen readers follow; paper needs none.
    """
    content = _compiled(template, data, format="pdf", timestamp=int(made_at.timestamp()), pdf_tags=tagged)
    if not isinstance(content, bytes):
        raise UnableToTypeset(f"{template.name} gave no document.")
    return content


def drawings(template: Path, data: Any) -> list[str]:
    """The pages of the same as drawings (SVG), to be looked at on a screen."""
    content = _compiled(template, data, format="svg")
    return [page.decode() for page in ([content] if isinstance(content, bytes) else content or [])]


def _compiled(template: Path, data: Any, **wished: Any) -> bytes | list[bytes] | None:
    compilers: dict[Path, typst.Compiler] = _own.__dict__.setdefault("compilers", {})
    try:
        if template not in compilers:
            compilers[template] = typst.Compiler(
                template, root=template.parent, ignore_system_fonts=True, sys_inputs={"data": "{}"}
            )
        return compilers[template].compile(sys_inputs={"data": json.dumps(data, ensure_ascii=False)}, **wished)
    except typst.TypstError as error:
        raise UnableToTypeset(f"{template.name} cannot be typeset: {error.message}") from error


def pages(content: bytes) -> int:
    """How many pages a document of ours has: Typst says it of the one tree that holds them all."""
    return max(int(count) for count in re.findall(rb"/Type/Pages/Count (\d+)", content))


def numbered(typeset: Callable[[int], bytes]) -> bytes:
    """A document that says how many pages it has: most have one, so this is tried before anything is counted."""
    content = typeset(1)
    count = pages(content)
    return content if count == 1 else typeset(count)
