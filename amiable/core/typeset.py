"""Typesets PDF documents with Typst: the same file from the same data, on every machine. Free of Django.

In: a .typ file of ours and data as JSON. Out: the PDF. Never: data read as markup, a file outside the template's
folder, a font of the system.
"""

import json
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import typst

from amiable.core.errors import UnableTo


class UnableToTypeset(UnableTo):
    """The document cannot be made; the message is Typst's."""


# A compiler keeps what it has parsed and measured; it serves one thread at a time, and compiling lets others run.
_own = threading.local()


def pdf(template: Path, data: Mapping[str, Any], *, made_at: datetime) -> bytes:
    """The PDF of `template`, which finds `data` with `json(bytes(sys.inputs.data))`. `made_at` is its stated date."""
    compilers: dict[Path, typst.Compiler] = _own.__dict__.setdefault("compilers", {})
    try:
        if template not in compilers:
            compilers[template] = typst.Compiler(
                template, root=template.parent, ignore_system_fonts=True, sys_inputs={"data": "{}"}
            )
        content = compilers[template].compile(
            format="pdf",
            sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
            timestamp=int(made_at.timestamp()),
        )
    except typst.TypstError as error:
        raise UnableToTypeset(f"{template.name} cannot be typeset: {error.message}") from error
    if not isinstance(content, bytes):
        raise UnableToTypeset(f"{template.name} gave no document.")
    return content
