"""What all messages of a creditor have alike is written out once, and the words stay the same."""

import pytest

from amiable.outreach import sandbox
from amiable.outreach.compose import compose
from amiable.outreach.house import house_text
from amiable.outreach.names import example
from amiable.outreach.shape import one_line


@pytest.mark.parametrize("key", ["reminder_1", "formal_notice", "plan_agreed", "receipt", "digest"])
def test_what_is_written_out_beforehand_changes_no_word(key: str) -> None:
    for language in ("fr", "en"):
        told = dict(example(language))
        other = {**told, "creditor": {**told["creditor"], "name": "Autre & Cie", "siren": ""}, "by_qr": False}
        composed = compose(house_text(language, "business", key, "neutral"), subject="", language=language)
        for context in (told, other, told):
            subject, plain, page = composed.fill(context)
            assert plain == composed.finish(sandbox.fill(composed.text, {**context, "subject": subject}))
            assert page == sandbox.fill(
                composed.html,
                {**context, "subject": subject, "preheader": one_line(sandbox.fill(composed.preheader, context))},
            )


def test_a_text_that_names_things_itself_is_left_as_it_is() -> None:
    template = sandbox.parse("{% assign creditor = customer %}{{ creditor.name }}")
    assert sandbox.settle(template, {"creditor": {"name": "Lumen"}}) is template


def test_loops_and_choices_about_known_things_are_written_out() -> None:
    text = "{% for line in creditor.address %}{{ line }};{% endfor %}"
    text += "{% if creditor.siren %}{{ to_pay }}{% endif %} {{ creditor.name }}"
    settled = sandbox.settle(sandbox.parse(text), {"creditor": {"address": ["a", "b"], "siren": "1", "name": "L"}})
    assert sandbox.names(settled).keys() == {"creditor.siren", "to_pay"}
    assert sandbox.fill(settled, {"creditor": {"siren": "1"}, "to_pay": "9"}) == "a;b;9 L"
