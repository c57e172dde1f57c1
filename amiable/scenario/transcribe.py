"""A scenario as text and back: YAML that people read, of plain settings only.

Comes in: text or data. Goes out: the other; what is written reads back as the very same data.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from amiable.core.conditions import N_
from amiable.scenario.engine.journey import SETTINGS, UnableToUse

LONGEST = 200_000


def read_text(text: str) -> dict[str, Any]:
    """The data of a scenario's text. Raises UnableToUse with one sentence."""
    if len(text) > LONGEST:
        raise UnableToUse(N_("The text of a scenario may have %(most)s characters at most."), most=LONGEST)
    try:
        # A name for a part of the text could make a circle, or a text that has no end.
        for token in yaml.scan(text):
            if isinstance(token, yaml.AliasToken | yaml.AnchorToken):
                raise UnableToUse(N_("The text of a scenario cannot refer to parts of itself (& and *)."))
            if isinstance(token, yaml.ScalarToken) and "\0" in token.value:
                raise ValueError(token.value)  # no database keeps it
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        sentence = N_("The text cannot be read at line %(line)s: %(why)s.")
        raise UnableToUse(
            sentence, line=mark.line + 1 if mark else 1, why=getattr(error, "problem", "") or "?"
        ) from error
    except (RecursionError, ValueError) as error:
        raise UnableToUse(
            N_("The text of a scenario is nested too deeply or holds a value that does not exist.")
        ) from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise UnableToUse(N_("A scenario is a list of settings: key, label, applies and steps."))
    return {str(name): value for name, value in documents[0].items()}


def write_text(data: Mapping[str, Any]) -> str:
    """The text of a scenario: its settings, then one block for each step, in the order in which people think of them."""
    head = {name: value for name, value in data.items() if name != "steps"}
    pieces = [_dump(head)] if head else []
    if "steps" in data:
        steps = data["steps"]
        plain = isinstance(steps, list) and steps and all(isinstance(step, Mapping) for step in steps)
        pieces.append(_dump({"steps": [_ordered(step) for step in steps] if plain else steps}))
    return "".join(pieces)


def _ordered(step: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: step[name] for name in SETTINGS if name in step}
    return known | {name: value for name, value in step.items() if name not in known}


def _dump(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(content), allow_unicode=True, sort_keys=False, width=1_000)
