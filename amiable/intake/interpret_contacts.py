"""Rows of texts to customers and the people and addresses of each; or why a row cannot be taken.

In: a batch of a format and the Reading. Out: the canonical table and the bad rows. Never: an address that cannot be one.
"""

from collections.abc import Callable

import phonenumbers
import polars as pl
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from stdnum.fr import siren as siren_numbers
from stdnum.fr import siret as siret_numbers

from amiable.core import values
from amiable.intake.formats import LINE, WRONG
from amiable.intake.headings import CONTACT_FIELDS
from amiable.intake.interpret import METHODS, Check, row_checks, said, sift, table_of, words
from amiable.intake.reading import Reading, UnableToImport

SCHEMA = {
    "line": pl.Int64, "number": pl.String, "name": pl.String, "customer_kind": pl.String, "siren": pl.String,
    "street": pl.String, "postcode": pl.String, "city": pl.String, "country": pl.String, "language": pl.String,
    "sector": pl.String, "method": pl.String, "terms_days": pl.Int16, "terms_end_of_month": pl.Boolean,
    "turnover_minor": pl.Int64, "credit_limit_minor": pl.Int64, "potential": pl.String, "key_account": pl.Boolean,
    "assistance": pl.String, "external_score": pl.Int16, "customer_since": pl.Date, "parent": pl.String, "payer": pl.String,
    "branch": pl.String, "salesperson": pl.String, "person": pl.String, "role": pl.String, "email": pl.String,
    "phone": pl.String, "mobile": pl.String, "preferences": pl.String,
}  # fmt: skip

CUSTOMER_KINDS = {
    "consumer": "particulier|consumer|b2c|individual|personne physique|prive|part|c",
    "business": "entreprise|business|b2b|professionnel|pro|societe|company|personne morale|b|artisan|association|commercant",
    "public": "public|administration|collectivite|secteur public|public body|mairie|etat|b2g",
}
ROLES = {
    "main": "main|principal|contact principal|general",
    "accounts": """comptabilite|comptable|compta|accounts|accounts payable|comptabilite fournisseurs|accounting|daf|tresorerie|
        finance|fournisseurs|ap|responsable comptable|accountant|service comptabilite|service comptable""",
    "buyer": "acheteur|acheteuse|achats|buyer|purchasing|responsable achats|service achats|procurement",
    "manager": """direction|dirigeant|dirigeante|gerant|gerante|directeur|directrice|manager|ceo|pdg|president|presidente|dg|
        owner|director""",
    "other": "autre|other|assistant|assistante|secretaire",
}
LANGUAGES = {
    "fr": "fr|francais|french|fra|fre|fr fr|fr be|fr ch", "en": "en|anglais|english|eng|en gb|en us|uk|gb",
    "de": "de|allemand|german|deu|ger", "es": "es|espagnol|spanish|spa", "it": "it|italien|italian|ita",
    "nl": "nl|neerlandais|dutch|nld", "pt": "pt|portugais|portuguese|por",
}  # fmt: skip
COUNTRIES = {
    "FR": "fr|france|fra", "BE": "be|belgique|belgium|bel", "CH": "ch|suisse|switzerland|che", "LU": "lu|luxembourg|lux",
    "DE": "de|allemagne|germany|deu", "GB": "gb|uk|royaume uni|united kingdom|gbr|england|angleterre", "MC": "mc|monaco",
    "ES": "es|espagne|spain|esp", "IT": "it|italie|italy|ita", "NL": "nl|pays bas|netherlands|nld",
    "US": "us|usa|etats unis|united states", "PT": "pt|portugal|prt", "IE": "ie|irlande|ireland|irl", "CA": "ca|canada|can",
}  # fmt: skip
MEDIA = {
    "email": "email|e mail|mail|courriel", "sms": "sms|texto|mobile|portable",
    "letter": "courrier|letter|post|poste|lettre|papier",
    "call": "telephone|tel|appel|call|phone", "whatsapp": "whatsapp",
}  # fmt: skip
POTENTIALS = {"low": "faible|low|bas|c|1", "medium": "moyen|medium|b|2", "high": "fort|eleve|high|haut|a|3"}
ASSISTANCES = {
    "alone": "seul|alone|autonome|self|self service",
    "person": "accompagne|person|personne|conseiller|assiste",
}
YES = ("1", "oui", "yes", "true", "vrai", "o", "y", "x")


def contacts(batch: pl.DataFrame, reading: Reading, country: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The customers and contacts of a batch, and its bad rows as (line, column, reason)."""
    if "number" not in reading.columns:
        raise UnableToImport(
            _("These columns were not found: %(missing)s. Tell which heading they have.")
            % {"missing": _("the customer's number")}
        )
    fields = set(CONTACT_FIELDS)
    frame = batch.select(
        pl.col(LINE).alias("line"),
        pl.col(WRONG),
        *[
            (values.code(heading) if field in {"number", "parent", "payer"} else values.clean(heading)).alias(field)
            for field, heading in reading.columns.items()
            if field in fields
        ],
        *[pl.lit(None, pl.String).alias(field) for field in sorted(fields - reading.columns.keys())],
    )
    frame = frame.with_columns(_word("country", COUNTRIES).alias("#country"))
    frame = frame.with_columns(pl.coalesce("#country", pl.lit(country)).alias("#home"))
    frame = _looked_up(_worded(frame, reading))
    good, bad = sift(frame, reading, _checks())
    return _canonical(good), bad


def _word(column: str, table: dict[str, str]) -> pl.Expr:
    return words(column).replace_strict(table_of(table), default=None, return_dtype=pl.String)


def _worded(frame: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    money = pl.lit(reading.currency)
    numbers = pl.col("terms").str.extract(r"(\d{1,3})").cast(pl.Int16, strict=False)
    at_once = words("terms").str.contains("comptant|immediat|reception|immediate|receipt|cash")
    return frame.with_columns(
        _word("customer_kind", CUSTOMER_KINDS).alias("#customer_kind"),
        pl.coalesce(_word("role", ROLES), words("role").str.extract(r"^(?:responsable|service|chef|directeur|directrice) (\w+)")
            .replace_strict(table_of(ROLES), default=None, return_dtype=pl.String)).alias("#role"),
        _word("language", LANGUAGES).alias("#language"),
        _word("preferred", MEDIA).alias("#preferred"),
        _word("potential", POTENTIALS).alias("#potential"),
        _word("assistance", ASSISTANCES).alias("#assistance"),
        _word("method", METHODS).alias("#method"),
        words("key_account").is_in(YES).alias("#key_account"),
        pl.when(numbers.is_not_null()).then(numbers).when(at_once).then(pl.lit(0, pl.Int16)).alias("#terms_days"),
        words("terms").str.contains("fin de mois|fdm|end of month|eom|fin du mois").fill_null(False).alias("#terms_end_of_month"),
        values.amount("turnover", decimal=reading.decimal or ",", currency=money).alias("#turnover"),
        values.amount("credit_limit", decimal=reading.decimal or ",", currency=money).alias("#credit_limit"),
        values.day("customer_since", order=reading.date_order or "dmy").alias("#customer_since"),
        pl.col("external_score").str.extract(r"^(\d{1,3})(?:/100)?$").cast(pl.Int16, strict=False).alias("#external_score"),
    )  # fmt: skip


def _looked_up(frame: pl.DataFrame) -> pl.DataFrame:
    """What no expression can judge, once per distinct text: e-mail addresses, phone numbers, company numbers."""
    frame = frame.with_columns(
        _once(frame, "email", lambda text, _home: _email(text)),
        _once(frame, "phone", _phone),
        _once(frame, "mobile", _phone),
        _once(frame, "siren", _siren),
    )
    return frame.with_columns(
        pl.coalesce(
            "person",
            pl.concat_str(pl.col("first_name").fill_null(""), pl.col("last_name").fill_null(""), separator=" ").str.strip_chars(),
        ).replace("", None).str.slice(0, 120).alias("#person")
    )  # fmt: skip


def _once(frame: pl.DataFrame, column: str, judge: Callable[[str, str], str | None]) -> pl.Series:
    judged: dict[tuple[str, str], str | None] = {}
    found: list[str | None] = []
    for text, home in frame.select(column, "#home").iter_rows():
        if text is None:
            found.append(None)
            continue
        if (text, home) not in judged:
            judged[text, home] = judge(text, home)
        found.append(judged[text, home])
    return pl.Series(f"#{column}", found, pl.String)


def _email(text: str) -> str | None:
    address = text.removeprefix("mailto:").strip().rstrip(";,.").lower()
    try:
        validate_email(address)
    except ValidationError:
        return None
    return address


def _phone(text: str, home: str) -> str | None:
    """E.164, with an m in front where it is a mobile."""
    try:
        number = phonenumbers.parse(text.replace("(0)", ""), home)
    except phonenumbers.NumberParseException:
        return None
    # Possible is enough: numbering plans grow faster than the library learns them (and keep ranges for fiction).
    if not phonenumbers.is_possible_number(number):
        return None
    mobile = phonenumbers.number_type(number) in {
        phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    }  # fmt: skip
    return ("m" if mobile else "") + phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _siren(text: str, home: str) -> str | None:
    digits = "".join(sign for sign in text if sign.isalnum())
    if home != "FR":
        return digits[:14]
    if digits.isdigit() and len(digits) == 8:
        digits = f"0{digits}"  # a workbook ate the leading nought
    return digits if (siret_numbers if len(digits) == 14 else siren_numbers).is_valid(digits) else None


def _checks() -> list[Check]:
    checks = row_checks()
    sentences = {
        "email": _("“{}” is not an e-mail address."),
        "phone": _("“{}” is not a phone number."),
        "mobile": _("“{}” is not a phone number."),
        "siren": _("“{}” is not a SIREN or SIRET: its check digit is wrong."),
        "country": _("“{}” is not a country that is known."),
        "customer_kind": _("“{}” is not a kind of customer that is known."),
        "language": _("“{}” is not a language that is known."),
        "turnover": _("“{}” is not an exact amount."),
        "credit_limit": _("“{}” is not an exact amount."),
        "customer_since": _("“{}” is not a date."),
    }
    for field, sentence in sentences.items():
        checks.append(Check(field, pl.col(f"#{field}").is_null() & pl.col(field).is_not_null(), said(sentence, field)))
    itself = pl.col("parent") == pl.col("number")
    return [*checks, Check("parent", itself, pl.lit(_("A customer cannot be its own parent.")))]


def _canonical(good: pl.DataFrame) -> pl.DataFrame:
    preferences = pl.struct(
        pl.col("#preferred").alias("channel"), pl.col("quiet_hours").str.slice(0, 60).alias("quiet_hours")
    ).map_elements(_preferences, return_dtype=pl.String)
    return good.select(
        "line", "number", pl.col("name").str.slice(0, 160), pl.col("#customer_kind").alias("customer_kind"),
        pl.col("#siren").alias("siren"), pl.col("street").str.slice(0, 160), pl.col("postcode").str.slice(0, 12),
        pl.col("city").str.slice(0, 80), pl.col("#country").alias("country"), pl.col("#language").alias("language"),
        pl.col("sector").str.slice(0, 60), pl.col("#method").alias("method"), pl.col("#terms_days").alias("terms_days"),
        pl.col("#terms_end_of_month").alias("terms_end_of_month"), pl.col("#turnover").alias("turnover_minor"),
        pl.col("#credit_limit").alias("credit_limit_minor"), pl.col("#potential").alias("potential"),
        pl.when(pl.col("key_account").is_not_null()).then("#key_account").alias("key_account"),
        pl.col("#assistance").alias("assistance"), pl.col("#external_score").alias("external_score"),
        pl.col("#customer_since").alias("customer_since"), "parent", "payer", pl.col("branch").str.slice(0, 40),
        "salesperson", pl.col("#person").alias("person"), pl.col("#role").alias("role"), pl.col("#email").alias("email"),
        pl.col("#phone").alias("phone"), pl.col("#mobile").alias("mobile"), preferences.alias("preferences"),
    )  # fmt: skip


def _preferences(told: dict[str, str | None]) -> str | None:
    import json

    kept = {name: value for name, value in told.items() if value}
    return json.dumps(kept, ensure_ascii=False) if kept else None
