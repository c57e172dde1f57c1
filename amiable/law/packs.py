"""Dated legal parameters per country, read from YAML; each value knows its article and source. Free of Django."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

FILES = {"FR": "fr.yaml", "GB": "uk.yaml", "US": "us.yaml"}
FALLBACK = "eu.yaml"


@dataclass(frozen=True)
class Parameter:
    name: str
    value: Any
    since: date
    article: str
    source: str
    prudent: bool  # our cautious choice where the law gives no number


@dataclass(frozen=True)
class Law:
    """The parameters of a country in force on a day."""

    country: str
    as_of: date
    parameters: tuple[Parameter, ...]

    def value(self, name: str) -> Any:
        """The value of a parameter; KeyError when the country's pack does not know it on that day."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter.value
        raise KeyError(f"The law pack of {self.country} has no {name} on {self.as_of}.")


@lru_cache(maxsize=1024)
def law(country: str, as_of: date) -> Law:
    """The law of a country on a day; a country without a pack of its own gets the cautious common one."""
    content = _pack(FILES.get(country, FALLBACK))
    found = []
    for name, values in content["parameters"].items():
        current = [value for value in values if value["from"] <= as_of]
        if current:
            newest = max(current, key=lambda value: value["from"])
            found.append(
                Parameter(
                    name,
                    newest["value"],
                    newest["from"],
                    newest["article"],
                    newest["source"],
                    newest.get("prudent", False),
                )
            )
    return Law(country, as_of, tuple(found))


@lru_cache(maxsize=16)
def _pack(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return content
