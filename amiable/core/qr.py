"""QR codes: for paper as a PNG of one point per module, to be printed without smoothing; for screens as an SVG.

In: a text. Out: the picture. Free of Django, and a dozen times faster than a general
encoder, since ten thousand letters hold thirty thousand codes; what is too long for it goes to that one.
"""

import struct
import zlib
from functools import lru_cache
from itertools import product

import numpy as np
import segno

Bits = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
# By version, for the levels l and m: words of correction per block, and the blocks' words of data (ISO/IEC 18004, table 9).
_BLOCKS = {
    "l": [(7, [19]), (10, [34]), (15, [55]), (20, [80]), (26, [108]), (18, [68] * 2), (20, [78] * 2), (24, [97] * 2),
          (30, [116] * 2)],
    "m": [(10, [16]), (16, [28]), (26, [44]), (18, [32] * 2), (24, [43] * 2), (16, [27] * 4), (18, [31] * 4),
          (22, [38, 38, 39, 39]), (22, [36, 36, 36, 37, 37])],
}  # fmt: skip
_SIGNS = {"l": 1, "m": 0}  # of the level, in the format information
_MASK = 3  # readers take any; weighing all eight against each other would cost more than the rest of the page
_ALIGNED = (None, 18, 22, 26, 30, 34, 22, 24, 26)  # the second place of alignment patterns, by version
_BYTES = 0b0100  # the mode


def drawn(text: str, *, error: str = "m") -> list[int]:
    """The code of a text as a PNG without border, for the typesetter; none for an empty text."""
    return list(_png(_modules(text, error))) if text else []


def outlined(text: str, *, error: str = "m") -> str:
    """The same as an SVG, for a screen; empty for an empty text."""
    if not text:
        return ""
    modules = _modules(text, error)
    size = len(modules)
    edges = np.diff(np.pad(modules, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    (rows, starts), ends = np.nonzero(edges == 1), np.nonzero(edges == -1)[1]
    path = "".join(f"M{x} {y}h{end - x}v1h{x - end}z" for y, x, end in zip(rows, starts, ends, strict=True))
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path d="{path}"/></svg>'


def _modules(text: str, error: str) -> Bits:
    """One row of points after the other, dark ones as 1."""
    payload = text.encode()
    for version, (_words, blocks) in enumerate(_BLOCKS[error], start=1):
        if len(payload) + 2 <= sum(blocks):
            return _code(payload, version, error)
    code = segno.make(payload, error=error, boost_error=False, micro=False, mask=_MASK, mode="byte")
    return np.array([list(row) for row in code.matrix], dtype=np.uint8)


def _code(payload: bytes, version: int, error: str) -> Bits:
    correction, blocks = _BLOCKS[error][version - 1]
    room = sum(blocks)
    head = (_BYTES << 8 | len(payload)) << 8 * len(payload) | int.from_bytes(payload, "big")
    stream = (head << 4).to_bytes(len(payload) + 2, "big")  # four bits of mode, eight of length, the end is four zeros
    # One more zero than need be, where there is room: so does the general encoder, and tests compare every module.
    words = np.frombuffer((stream + b"\0" + b"\xec\x11" * room)[:room], dtype=np.uint8)
    parts = np.split(words, np.cumsum(blocks)[:-1])
    checks = [np.bitwise_xor.reduce(_products()[part[:, None], _weights(len(part), correction)]) for part in parts]
    bits = np.unpackbits(np.concatenate([_woven(parts), _woven(checks)]))
    frame, order = _frame(version, error)
    found = frame.copy()
    found.reshape(-1)[order[: len(bits)]] ^= bits
    return found


def _woven(parts: list[Bits]) -> Bits:
    """The first words of all blocks, then the second ones, and so on; the last are those of the longer blocks."""
    least = min(len(part) for part in parts)
    rest = [part[least:] for part in parts]
    return np.concatenate([np.stack([part[:least] for part in parts], axis=1).reshape(-1), *rest])


@lru_cache(maxsize=1)
def _products() -> Bits:
    """Every product of two words in the field that the correction is counted in."""
    power, log = np.zeros(512, dtype=np.uint8), np.zeros(256, dtype=np.int64)
    value = 1
    for exponent in range(255):
        power[exponent] = power[exponent + 255] = value
        log[value] = exponent
        value = value << 1 ^ (0x11D if value & 0x80 else 0)
    table: Bits = power[log[:, None] + log[None, :]]
    table[0, :] = table[:, 0] = 0
    return table


@lru_cache(maxsize=64)
def _weights(length: int, correction: int) -> Bits:
    """What each word of a block adds to its words of correction: remainders by the generator polynomial."""
    times, root = _products(), 1
    generator: Bits = np.array([1], dtype=np.uint8)
    for _n in range(correction):
        longer: Bits = np.append(generator, np.uint8(0))
        longer[1:] ^= times[root, generator]
        generator = longer
        root = int(times[2, root])
    rows = [generator[1:]]
    for _n in range(length - 1):
        last = rows[-1]
        rows.append(np.append(last[1:], np.uint8(0)) ^ times[last[0], generator[1:]])
    return np.array(rows[::-1], dtype=np.uint8)


@lru_cache(maxsize=32)
def _frame(version: int, error: str) -> tuple[Bits, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """What every code of a version shares, the mask upon its data included, and where the bits of data go, in order."""
    size = 17 + 4 * version
    frame: Bits = np.zeros((size, size), dtype=np.uint8)
    kept = np.zeros((size, size), dtype=bool)
    _patterns(frame, kept, version)
    _format(frame, kept, error)
    order = []
    for turn, right in enumerate([*range(size - 1, 7, -2), 5, 3, 1]):
        for step in range(size):
            row = step if turn % 2 else size - 1 - step
            order += [row * size + column for column in (right, right - 1) if not kept[row, column]]
    rows, columns = np.indices((size, size))
    frame ^= (((rows + columns) % 3 == 0) & ~kept).astype(np.uint8)
    return frame, np.array(order, dtype=np.int64)


def _patterns(frame: Bits, kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], version: int) -> None:
    """Finders, timing, alignment and, from version 7 on, the version itself."""
    size = len(frame)
    frame[6, :] = frame[:, 6] = np.arange(1, size + 1) % 2
    kept[6, :] = kept[:, 6] = True
    far = np.abs(np.arange(-4, 5))
    finder = np.isin(np.maximum(far[:, None], far[None, :]), (0, 1, 3)).astype(np.uint8)
    for row, column in ((3, 3), (3, size - 4), (size - 4, 3)):
        top, left = max(row - 4, 0), max(column - 4, 0)
        end, right = min(row + 5, size), min(column + 5, size)
        frame[top:end, left:right] = finder[top - row + 4 : end - row + 4, left - column + 4 : right - column + 4]
        kept[top:end, left:right] = True
    second = _ALIGNED[version - 1]
    places = sorted({6, second, size - 7}) if second else []
    near = np.maximum(far[2:7, None], far[None, 2:7])
    corners = {(6, 6), (6, size - 7), (size - 7, 6)}  # the finders stand there
    for row, column in set(product(places, places)) - corners:
        frame[row - 2 : row + 3, column - 2 : column + 3] = near != 1
        kept[row - 2 : row + 3, column - 2 : column + 3] = True
    if version >= 7:
        told = _checked(version, 0x1F25, 12)
        for bit in range(18):
            at, beside = size - 11 + bit % 3, bit // 3
            frame[at, beside] = frame[beside, at] = told >> bit & 1
            kept[at, beside] = kept[beside, at] = True


def _format(frame: Bits, kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], error: str) -> None:
    """Level and mask, told twice beside the finders, and the module that is always dark."""
    size = len(frame)
    told = _checked(_SIGNS[error] << 3 | _MASK, 0x537, 10) ^ 0x5412
    down = [0, 1, 2, 3, 4, 5, 7, 8, *range(size - 7, size)]
    across = [*range(size - 1, size - 9, -1), 7, 5, 4, 3, 2, 1, 0]
    for bit in range(15):
        frame[down[bit], 8] = frame[8, across[bit]] = told >> bit & 1
        kept[down[bit], 8] = kept[8, across[bit]] = True
    frame[size - 8, 8], kept[size - 8, 8] = 1, True


def _checked(value: int, generator: int, bits: int) -> int:
    """The value with its bits of correction (a BCH code) behind it."""
    rest = value
    for _n in range(bits):
        rest = rest << 1 ^ (generator if rest >> (bits - 1) & 1 else 0)
    return value << bits | rest


def _png(modules: Bits) -> bytes:
    size = len(modules)
    rows = np.packbits(1 - modules, axis=1)  # in a picture of one bit, 0 is dark
    lines = np.insert(rows, 0, 0, axis=1).tobytes()
    head = struct.pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(kind, content) for kind, content in parts)


def _part(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
