"""What is different between two versions of a scenario, step by step and setting by setting."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amiable.scenario.engine.journey import LISTS, MESSAGE, SETTINGS, usual_mode

DEFAULTS: Mapping[str, Any] = {
    "from": "due", "gap": 0, "if": "", "action": MESSAGE, "tone": "neutral", "minimum": 0,
    "tolerance": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One setting that differs; of the whole scenario where `step` is empty."""

    step: str
    setting: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Comparison:
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[Change, ...]

    @property
    def same(self) -> bool:
        return not (self.added or self.removed or self.changed)


def compare(*, before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """The differences; a setting that is not written counts as its default."""
    old, new = ({step["key"]: step for step in data["steps"]} for data in (before, after))
    changes = [
        Change("", name, before.get(name), after.get(name))
        for name in ("label", "applies")
        if (before.get(name) or "") != (after.get(name) or "")
    ]
    for key in new:
        if key in old:
            changes += [
                Change(key, name, a, b)
                for name in SETTINGS
                if (a := _setting(old[key], name)) != (b := _setting(new[key], name))
            ]
    return Comparison(
        added=tuple(key for key in new if key not in old),
        removed=tuple(key for key in old if key not in new),
        changed=tuple(changes),
    )


def _setting(step: Mapping[str, Any], name: str) -> Any:
    usual = {"template": step["key"], "mode": usual_mode(step.get("action"))}
    value = step.get(name, usual.get(name, DEFAULTS.get(name)))
    if name not in LISTS or value is None:
        return value
    words = [value] if isinstance(value, str) else list(value)  # one word is a list of one
    return words if name == "fallback" else sorted(words)  # only there does the order mean something
