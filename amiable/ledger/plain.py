"""Text as people search it: small letters without accents, by a function of the database that its indexes may use."""

from django.db import connection
from django.db.models import Func, TextField


class Plain(Func):
    """`amiable_plain(name)`: “Œuvre Sociale Évreux” is “oeuvre sociale evreux”."""

    function = "amiable_plain"
    output_field = TextField()


def plain(text: str) -> str:
    """The same of words that somebody typed, so that both sides are treated alike."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT amiable_plain(%s)", [text])
        return str(cursor.fetchone()[0])
