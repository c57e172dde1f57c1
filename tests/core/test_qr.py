"""QR codes are those that a general encoder makes, module for module, and pictures that any reader takes."""

import re
import struct
import zlib

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from amiable.core.qr import drawn, outlined


def modules(png: list[int]) -> list[list[int]]:
    """The picture read back: one bit a point, 0 is dark."""
    content = bytes(png)
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, depth = struct.unpack(">IIB", content[16:25])
    assert (width, depth) == (height, 1)
    start = content.index(b"IDAT") + 4
    size = struct.unpack(">I", content[start - 8 : start - 4])[0]
    lines = zlib.decompress(content[start : start + size])
    step = 1 + (width + 7) // 8
    rows = [lines[n * step + 1 : (n + 1) * step] for n in range(height)]
    return [[1 - (row[x // 8] >> (7 - x % 8) & 1) for x in range(width)] for row in rows]


def wanted(text: str, error: str) -> list[list[int]]:
    code = segno.make(text.encode(), error=error, boost_error=False, micro=False, mask=3, mode="byte")
    return [list(row) for row in code.matrix]


@settings(max_examples=150, deadline=None)
@given(text=st.text(min_size=1, max_size=260), error=st.sampled_from(["l", "m"]))
def test_any_text_gives_the_code_of_a_general_encoder(text: str, error: str) -> None:
    assert modules(drawn(text, error=error)) == wanted(text, error)


@pytest.mark.parametrize("error", ["l", "m"])
def test_every_length_up_to_beyond_the_small_versions(error: str) -> None:
    for length in range(1, 240):
        assert modules(drawn("x" * length, error=error)) == wanted("x" * length, error), length


@pytest.mark.parametrize("text", ["x", "Lumen Énergie", "x" * 100])
def test_the_outline_has_the_same_modules(text: str) -> None:
    found = [[0] * len(row) for row in wanted(text, "m")]
    for column, row, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", outlined(text)):
        for each in range(int(column), int(column) + int(length)):
            found[int(row)][each] = 1
    assert found == wanted(text, "m")


def test_nothing_is_no_code() -> None:
    assert (drawn(""), outlined("")) == ([], "")
