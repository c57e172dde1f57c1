"""The numbers of behaviour.yaml as arrays, one value per customer where firms and households differ. Free of Django."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

Array = np.ndarray[Any, np.dtype[Any]]
HAZARD_FROM, HAZARD_TO = -400, 800
KINDS = ("consumer", "business")  # a customer's kind as a number: 0 or 1
LINKED = ("email", "sms", "letter")  # channels that bring a link to pay; of a letter it is a code to be scanned
OPENED = ("email", "sms")  # channels of which it is known that they were read


class Parameters:
    """`of("floor")` is the pair (consumer, business) of a number; `of("reach", "email")` of a nested one."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.hazard = np.zeros(HAZARD_TO - HAZARD_FROM + 1)
        for band in content["hazard"]:
            first, last = band["from"] - HAZARD_FROM, min(band["to"], HAZARD_TO) - HAZARD_FROM
            self.hazard[first : last + 1] = band["value"]
        self.pay_days = np.array(content["pay_days"])

    def of(self, *path: str) -> Array:
        found = []
        for kind in KINDS:
            value: Any = self.content[kind]
            for name in path:
                value = value[name]
            found.append(value)
        return np.array(found, dtype=float)

    def __getitem__(self, name: str) -> Any:
        return self.content[name]

    def replaced(self, **changes: Any) -> "Parameters":
        """The same numbers with some of both kinds changed: `replaced(dose={"email": 0, ...})`."""
        content = dict(self.content)
        for kind in KINDS:
            content[kind] = {**content[kind], **changes}
        return Parameters(content)


@cache
def parameters() -> Parameters:
    return Parameters(yaml.safe_load((Path(__file__).parent / "behaviour.yaml").read_text(encoding="utf-8")))
