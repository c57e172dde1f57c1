"""Every string that a person sees has its French, and fills in the same values."""

from pathlib import Path

import pytest
from babel.messages.mofile import read_mo

from tools import messages

CODE = """
from django.utils.translation import gettext as _, ngettext, pgettext
_("Late by %(days)s days")
pgettext("money", "Balance")
ngettext("%(n)s invoice", "%(n)s invoices", 2)
"""
PAGE = """<div>
    <c-button label="{% translate 'Pay' %}" />
  {% blocktranslate count n=2 trimmed %}
    One letter
  {% plural %}
    {{ n }} letters
  {% endblocktranslate %}
</div>"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one module and one page, without any French."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "code.py").write_text(CODE)
    (tmp_path / "templates" / "page.html").write_text(PAGE)
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    monkeypatch.setattr(messages, "SOURCES", tmp_path)
    monkeypatch.setattr(messages, "FRENCH", tmp_path / "locale/fr/LC_MESSAGES/django.po")
    return tmp_path


def translate(english: str, french: str) -> None:
    text = messages.FRENCH.read_text()
    assert f'"{english}"\nmsgstr ""' in text
    messages.FRENCH.write_text(text.replace(f'"{english}"\nmsgstr ""', f'"{english}"\nmsgstr "{french}"'))


def test_every_string_has_its_french() -> None:
    assert list(messages.problems()) == []


def test_strings_are_found_in_code_and_pages(small: Path) -> None:
    found = {message.id for message in messages.extracted()[0] if message.id}
    assert found == {
        "Late by %(days)s days",
        "Balance",
        ("%(n)s invoice", "%(n)s invoices"),
        "Pay",
        ("One letter", "%(n)s letters"),
    }


def test_a_missing_one_is_told_until_it_is_there(small: Path) -> None:
    messages.update()
    assert "No French for 'Pay' (templates/page.html)." in list(messages.problems())
    translate("Pay", "Payer")
    assert not [text for text in messages.problems() if "'Pay'" in text]


def test_an_update_keeps_what_was_translated_and_drops_what_is_unused(small: Path) -> None:
    messages.update()
    translate("Pay", "Payer")
    translate("Late by %(days)s days", "%(days)s jours de retard")
    (small / "code.py").write_text("")
    assert "Nothing uses the French for 'Late by %(days)s days' any more." in list(messages.problems())
    messages.update()
    before = messages.FRENCH.read_text()
    assert 'msgstr "Payer"' in before
    assert "Late by" not in before
    messages.update()
    assert messages.FRENCH.read_text() == before


def test_a_placeholder_that_nothing_fills_is_told(small: Path) -> None:
    messages.update()
    translate("Late by %(days)s days", "%(jours)s jours de retard")
    assert [text for text in messages.problems() if "fills in other values" in text]


def test_a_singular_may_leave_out_its_number(small: Path) -> None:
    messages.update()
    text = messages.FRENCH.read_text()
    text = text.replace(
        'letters"\nmsgstr[0] ""\nmsgstr[1] ""', 'letters"\nmsgstr[0] "Une lettre"\nmsgstr[1] "%(n)s lettres"'
    )
    messages.FRENCH.write_text(text)
    assert not [text for text in messages.problems() if "letter'" in text]


def test_a_computed_text_is_told(small: Path) -> None:
    (small / "code.py").write_text('N_("Late")\ngettext(name)\n')
    assert not [text for text in messages.problems() if "code.py:" in text]
    (small / "code.py").write_text("_(name)")
    assert "code.py:1: what _() translates must stand there; what is marked elsewhere, gettext() finds." in list(
        messages.problems()
    )


def test_django_reads_what_was_compiled(small: Path) -> None:
    from gettext import GNUTranslations

    messages.update()
    translate("Pay", "Payer")
    messages.compile_all()
    with messages.FRENCH.with_suffix(".mo").open("rb") as file:
        assert GNUTranslations(file).gettext("Pay") == "Payer"


def test_no_line_breaks_before_high_punctuation(small: Path) -> None:
    messages.update()
    translate("Pay", "Réglez : « tout » ; oui ?")
    messages.compile_all()
    with messages.FRENCH.with_suffix(".mo").open("rb") as file:
        said = read_mo(file)
    assert said["Pay"].string == "Réglez\u00a0: «\u00a0tout\u00a0»\u202f; oui\u202f?"
