"""Finds the implementations of a port: every class in the port's folder, and third-party ones by entry point.

What is found needs no second place to be edited: forms, choices, hook addresses and contract tests read it.
"""

import importlib
import pkgutil
from importlib.metadata import entry_points
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


class TwoOfAKind(RuntimeError):
    """Two implementations claim one key."""


def discover(package: ModuleType, base: type[T], *, entry_point: str = "") -> dict[str, type[T]]:
    """The concrete subclasses of `base` in the modules of `package`, and in `entry_point`, by their `key`."""
    found: dict[str, type[T]] = {}
    candidates: list[type[T]] = []
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        candidates += [
            member
            for member in vars(module).values()
            if isinstance(member, type) and issubclass(member, base) and member.__module__ == module.__name__
        ]
    if entry_point:
        candidates += [entry.load() for entry in entry_points(group=entry_point)]
    for candidate in candidates:
        key = getattr(candidate, "key", "")
        if not key:
            continue  # an intermediate class
        if key in found:
            raise TwoOfAKind(f"Two implementations of {base.__name__} say {key!r}.")
        found[key] = candidate
    return found
