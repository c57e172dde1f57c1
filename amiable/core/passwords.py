"""A password that stands in the lists of leaked ones, or is put together from two of their words, is refused; offline.

In: a password. Out: nothing, or a sentence. Never: a request over the network.
"""

import re
from functools import cache

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# What stands for a letter: p@ssw0rd.
PLAIN = str.maketrans("013457@$€!", "oieastasei")
SHORTEST, LONGEST = 4, 16  # letters of a word that counts
FEWEST = 3  # words that make a phrase
# What the list of the world lacks: words of France, of offices and of this house, as they are typed.
_OURS = """
motdepasse azerty azertyuiop qsdfgh wxcvbn amiable recouvrement relance facture impaye impayes bonjour bonsoir soleil
doudou chouchou loulou marseille lyon paris toulouse france bienvenue societe entreprise comptabilite tresorerie
printemps automne hiver janvier fevrier mars avril juin juillet aout septembre octobre novembre decembre spring summer
autumn winter january february march april june july august october november december welcome lundi mardi mercredi
jeudi vendredi samedi dimanche monday tuesday wednesday thursday friday saturday sunday changeme changezmoi invoice
secret letmein temporaire provisoire temporary company office
"""
HERE = frozenset(_OURS.split())


class NotLeaked:
    """For AUTH_PASSWORD_VALIDATORS."""

    def validate(self, password: str, user: object | None = None) -> None:
        if words(password) < FEWEST:
            raise ValidationError(
                _(
                    "Such passwords are in the lists that attackers try first. Take four words that have nothing in common."
                ),
                code="password_leaked",
            )

    def get_help_text(self) -> str:
        return _("Four words that have nothing in common are good; one word with a number and a sign is not.")


def words(password: str) -> int:
    """Of how many words of a list a password is made; three different characters that are in none are worth one.

    What is repeated, and figures and signs at the ends, count for nothing.
    """
    rest = _core(password)
    found: set[str] = set()
    while rest:
        word = next(
            (rest[:n] for n in range(min(len(rest), LONGEST), SHORTEST - 1, -1) if rest[:n] in listed()), rest[0]
        )
        found.add(word)
        rest = rest[len(word) :]
    single = sum(len(each) == 1 for each in found)
    return len(found) - single + single // 3


def _core(password: str) -> str:
    """Without years, and figures and signs at the ends; what stands for a letter is read as one."""
    text = re.sub(r"(?:19|20)\d\d", "", password.lower())
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text).translate(PLAIN)


@cache
def listed() -> frozenset[str]:
    """The words of the lists: Django's twenty thousand most leaked, their letters alone, and ours."""
    known = {re.sub(r"[\W\d_]+$", "", each) for each in CommonPasswordValidator().passwords}
    return frozenset(each for each in known if len(each) >= SHORTEST and each.isalpha()) | HERE
