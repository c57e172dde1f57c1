"""What the check of a scenario says: one sentence about one step, and whether it may be saved all the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Finding:
    """`code` names the rule, `step` the step's key (empty: the whole scenario), `sentence` is for a person."""

    severity: str
    code: str
    step: str
    sentence: str

    @property
    def stops(self) -> bool:
        """Whether a scenario with this finding cannot be kept."""
        return self.severity == ERROR

    def told(self) -> Mapping[str, Any]:
        """As the command line and pages tell it."""
        return {"code": self.code, "step": self.step, "sentence": self.sentence}
