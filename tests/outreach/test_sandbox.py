"""Liquid in its box: nothing runs on, grows, reaches out or goes unsaid; each mistake is one sentence with its line."""

import string
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils.translation import override
from hypothesis import given, settings
from hypothesis import strategies as st

from amiable.outreach import sandbox
from amiable.outreach.compose import check
from amiable.outreach.names import sample
from amiable.outreach.sandbox import LONGEST, UnableToCompose, fill, parse

KNOWN: dict[str, Any] = {
    "n": 5, "long": "x" * 10_000, "many": list(range(1_000)), "creditor": {"name": "Lumen"}, "invoices": [{"reference": "F-1"}],
}  # fmt: skip
SECONDS = 4.0  # what the slowest of these may take in a large process on a machine that is busy with other things


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with override("en"):
        yield


def says(source: str, known: dict[str, Any] | None = None) -> UnableToCompose:
    began = time.thread_time()
    with pytest.raises(UnableToCompose) as told:
        fill(parse(source), KNOWN if known is None else known, first_line=1)
    assert time.thread_time() - began < SECONDS
    assert "\n" not in str(told.value)
    return told.value


TOO_MUCH = "repeats, nests or grows too much"
NOTHING_NAMED = "There is nothing named"


@pytest.mark.parametrize(
    ("source", "words", "line"),
    [
        # Attributes, methods and everything else behind the names.
        ("{{ creditor.__class__ }}", "nothing named “creditor.__class__”", 1),
        ("{{ creditor['__class__'] }}", NOTHING_NAMED, 1),
        ("\n{{ creditor.name.upper }}", "nothing named “creditor.name.upper”", 2),
        ("{{ creditor.items }}", "nothing named “creditor.items”", 1),
        ("{{ invoices[0].__dict__ }}", NOTHING_NAMED, 1),
        ("a\n\n{{ oops }}", "nothing named “oops”", 3),
        # Loops.
        ("{% for i in (1..1000000000) %}x{% endfor %}", "Ranges like (1..9) cannot be used", 1),
        ("{% for i in (1..1000000000) reversed %}x{% endfor %}", "Ranges", 1),
        ("{% for i in (1..1000000000) offset: 999999999 %}x{% endfor %}", "Ranges", 1),
        ("{% assign r = (1..n) %}{{ r | join: '' }}", "Ranges", 1),
        ("{% if n == (1..9) %}x{% endif %}", "Ranges", 1),
        ("{% for i in many %}{% for j in many %}x{% endfor %}{% endfor %}", TOO_MUCH, 1),
        ("{% for i in many %}" + "{% if i == i %}{% endif %}" * 700 + "{% endfor %}", TOO_MUCH, 1),
        ("{% if n %}" * 60 + "{% endif %}" * 60, TOO_MUCH, 1),
        # Growth.
        ("{% assign s = 'x' %}{% for i in many %}{% assign s = s | append: s %}{% endfor %}", TOO_MUCH, 1),
        ("{% assign s = 2 %}{% for i in many %}{% assign s = s | times: s %}{% endfor %}", TOO_MUCH, 1),
        ("{{ long | replace: 'x', long }}", TOO_MUCH, 1),
        ("{{ long | replace: '', long }}", TOO_MUCH, 1),
        ("{{ long | append: long | append: long }}", TOO_MUCH, 1),
        ("{% for i in many %}{{ long }}{% endfor %}", TOO_MUCH, 1),
        ("{% capture c %}{{ long }}{% endcapture %}", "no instruction", 1),
        ("{{ '1e999' | plus: 1 }}", TOO_MUCH, 1),
        ("{{ 'nan' | plus: 1 }}", TOO_MUCH, 1),
        ("{{ n | times: 99999999999999999999 }}", TOO_MUCH, 1),
        # What does not exist.
        ("{% include 'settings' %}", "“{% include 'settings' %}” is no instruction", 1),
        ("{% render 'x' %}", "no instruction", 1),
        ("{% tablerow i in many %}{% endtablerow %}", "no instruction", 1),
        ("{% liquid assign x = 1 %}", "no instruction", 1),
        ("{% raw %}" * 2_000, "no instruction", 1),
        ("{{ 'now' | date: '%Y' }}", "There is no filter “date”", 1),
        ("\n\n{{ n | shout }}", "There is no filter “shout”; those that exist are: abs, append", 3),
        # What cannot be read.
        ("one\n{% if n %}two", "“{% if n %}” is never closed: “{% endif %}” is missing", 2),
        ("one\n{% endif %}", "“{% endif %}” closes nothing", 2),
        ("{% if n %}{% endfor %}", "“{% endfor %}” closes nothing", 1),
        ("{{ n", "“{{” is opened and not closed: “}}” is missing", 1),
        ("{{ n %}", "“{{” is opened and not closed", 1),
        ("\n{% if n > %}x{% endif %}", "Something is missing between these braces", 2),
        ("{{ }}", "Something is missing", 1),
        ("{% for i %}{% endfor %}", "Something is missing", 1),
        ("{% if n && n %}x{% endif %}", "cannot be read near “&”", 1),
        ("{{ n | plus: }}", "The filter “plus” is given something", 1),
        ("{{ n | divided_by: 0 }}", "The filter “divided_by” is given something", 1),
        ("{% break %}", "cannot be read near “break”", 1),
        ("{% if n" + " and n" * 3_000 + " %}x{% endif %}", "", 1),
        ("{{ " + "a[" * 3_000 + "]" * 3_000 + " }}", "", 1),
        ("{{ '" + "9" * 5_000 + "' | plus: 1 }}", "", 1),
        # Bombs for whoever reads by pattern.
        ("{{" * 9_000, "is opened and not closed", 1),
        ("{%" * 9_000, "is opened and not closed", 1),
        ("{{ '" * 5_000, "is opened and not closed", 1),
        ("{% assign x = " * 1_400, "is opened and not closed", 1),
    ],
)  # fmt: skip
def test_what_a_text_may_not_do_is_said_in_one_sentence_with_its_line(source: str, words: str, line: int) -> None:
    told = says(source)
    assert words in str(told)
    assert told.line == line
    assert str(told).startswith(f"Line {line}: ")


def test_what_a_text_may_do() -> None:
    source = (
        "{% for each in invoices %}{% if forloop.first %}{{ each.reference | downcase }}{% endif %}{% endfor %}"
        "{% assign half = n | divided_by: 2 %} {{ half }}"
        "{% case n %}{% when 5 %} five{% else %} other{% endcase %}"
        "{% unless n == 4 %} not four{% endunless %}{% comment %}{% nothing %}{% endcomment %}"
        "{% assign name = creditor.name | upcase %} {{ name | truncate: 4 }}"
        " {{ many | size }} {{ many.size }} {{ invoices[0].reference }} {{ many | reverse | first }}"
    )
    assert fill(parse(source), KNOWN) == "f-1 2 five not four L... 1000 1000 F-1 999"


def tried(source: str, *, language: str, medium: str) -> tuple[str, str, str] | UnableToCompose:
    """The text filled with the sample, or what is said against it."""
    try:
        return check(source, subject="Hello", language=language, known={**sample(language), "n": 1}, medium=medium)
    except UnableToCompose as error:
        return error


@pytest.mark.parametrize(
    "source",
    [
        "[" * 19_000,
        "**" * 9_000,
        "[a](" * 4_500,
        "[a](https://" * 1_500,
        "⟦⟧" * 9_000,
        "\n" * 19_000 + "x",
        ("\n" + " " * 50) * 350 + "x",
        " " * 19_000 + "x",
        "{% if n %}{% endif %}" * 900 + "x",
        "{% if n %}{% endif %} \n" * 800 + "x",
        "---\n" + "subject: " + "[" * 1_500 + "\n---\nx",
        "---\na: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nsubject: [*c,*c,*c]\n---\nx",
        "« " * 6_000 + ": ! ? " * 1_000,
    ],
)
@pytest.mark.parametrize("medium", ["email", "sms", "call"])
def test_our_own_reading_takes_no_longer_than_the_text_is_long(source: str, medium: str) -> None:
    began = time.thread_time()
    found = tried(source[:LONGEST], language="fr", medium=medium)
    assert time.thread_time() - began < SECONDS
    assert isinstance(found, tuple) or "\n" not in str(found)


pieces = st.sampled_from([
    "{{", "}}", "{%", "%}", " for ", " in ", " if ", " endif ", " endfor ", " else ", " assign x = ",
    "creditor.name", "invoices", "first.due", "(1..9)", " | ", "append: ", "times: ", "'", '"', "9", "99999999999", "[pay]",
    "[", "](", "**", "# ", "\n", "\n\n", " ", "<b>", "&", "«", "---\n", "subject: ", "\ue000", "\x00", "é", "{{ creditor.name }}",
    "{% if count == 1 %}", "{% endif %}", "{% for line in invoices %}", "{{ line.reference }}", "{% endfor %}",
])  # fmt: skip
texts = st.one_of(st.lists(pieces, max_size=60).map("".join), st.text(string.printable + "é’«»\u202f{}%", max_size=300))


@given(text=texts, medium=st.sampled_from(["email", "sms", "letter", "call"]))
@settings(max_examples=250, deadline=None)
def test_any_text_is_either_filled_or_refused_with_a_sentence(text: str, medium: str) -> None:
    began = time.thread_time()
    found = tried(text, language="en", medium=medium)
    assert time.thread_time() - began < SECONDS
    if isinstance(found, tuple):
        subject, words, page = found
        assert len(words) + len(page) < 2 * sandbox.MOST_OUTPUT
        assert "\n" not in subject
    else:
        assert str(found)
        assert "\n" not in str(found)
        assert 0 <= found.line <= text.count("\n") + 1


@given(words=st.text(min_size=1, max_size=200).filter(lambda t: "\ue000" not in t and "\ue001" not in t))
@settings(max_examples=200, deadline=None)
def test_what_data_says_is_never_markup(words: str) -> None:
    template = parse("<p>{{ said }}</p>{% assign more = said | append: '!' %}{{ more }}", escape=True)
    page = fill(template, {"said": words})
    inside = page.removeprefix("<p>").replace("</p>", "", 1)
    assert "<" not in inside
    assert ">" not in inside
