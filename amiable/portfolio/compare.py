"""What differs between two versions of a set of segments, segment by segment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

Segments = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Change:
    """`kind`: added, removed, condition, label or moved; `segment` as it is now, or as it was when it is gone."""

    kind: str
    segment: Mapping[str, Any]
    before: str = ""
    after: str = ""


def compare(before: Segments, after: Segments) -> list[Change]:
    """The changes in the order of the later version, what was removed last."""
    earlier, later = {each["key"]: each for each in before}, {each["key"]: each for each in after}
    old = [key for key in earlier if key in later]
    new = [key for key in later if key in earlier]
    kept = {
        key
        for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
        for key in new[block.b : block.b + block.size]
    }
    found = []
    for key, segment in later.items():
        was = earlier.get(key)
        if was is None:
            found.append(Change("added", segment, after=segment["when"]))
            continue
        if was["when"].strip() != segment["when"].strip():
            found.append(Change("condition", segment, was["when"], segment["when"]))
        if was["label"] != segment["label"]:
            found.append(Change("label", segment))
        if key not in kept:
            found.append(Change("moved", segment))
    return found + [Change("removed", was, was["when"]) for key, was in earlier.items() if key not in later]
