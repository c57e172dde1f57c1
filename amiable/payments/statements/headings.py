"""Which column of a bank's CSV is what: French, English, German and Dutch headings, as their exports name them.

A new synonym is one word in this table; it is written as `plain` leaves it (no accent, no sign, small letters).
"""

from collections.abc import Sequence

from amiable.core.separated import plain

FIELDS: dict[str, str] = {
    "booked_on": """date operation|date de l operation|date d operation|date comptable|date de comptabilisation|date|
        booking date|transaction date|posting date|date posted|completed date|buchungstag|buchungsdatum|buchung|datum|
        boekdatum|settlement date utc|settlement date local|date operation utc""",
    "value_on": "date valeur|date de valeur|value date|valutadatum|valuta|wertstellung|rentedatum|valeur",
    "amount": """montant|montant eur|montant en euros|montant de l operation|amount|amount eur|total amount incl vat|betrag|
        betrag eur|bedrag|bedrag eur|umsatz|transaction amount""",
    "debit": "debit|debit euros|debit eur|montant debit|money out|paid out|withdrawals|soll|lastschrift|debit amount",
    "credit": "credit|credit euros|credit eur|montant credit|money in|paid in|deposits|haben|gutschrift|credit amount",
    "side": "sens|debit credit|d c|af bij|soll haben|credit debit indicator|debit credit indicator",
    "currency": "devise|currency|waehrung|wahrung|munt|valuta code|code devise",
    "payer": """tiers|nom du tiers|contrepartie|nom de la contrepartie|payer|payee|counterparty|counterparty name|name|
        auftraggeber|beguenstigter zahlungspflichtiger|auftraggeber empfanger|name zahlungsbeteiligter|
        zahlungspflichtiger|naam omschrijving|naam tegenpartij|emetteur|donneur d ordre""",
    "payer_iban": """iban du tiers|compte du tiers|iban contrepartie|counterparty iban|counterparty account|payer iban|
        kontonummer iban|iban zahlungsbeteiligter|tegenrekening|tegenrekening iban bban|iban tiers""",
    "text": """libelle|libelle complet|libelle de l operation|libelle operation|detail de l ecriture|detail|description|
        details|label|reference et libelle|verwendungszweck|buchungstext|mededelingen|omschrijving 1|omschrijving|
        motif|narrative|memo|transaction description""",
    "more": """libelle simplifie|informations complementaires|information complementaire|note|notes|motif du virement|
        complement|type d operation|categorie|libelle 2|mutatiesoort|omschrijving 2""",
    "end_to_end_id": "reference de bout en bout|end to end id|end to end reference|end to end referenz|kundenreferenz end to end",
    "mandate_id": "rum|reference du mandat|mandate reference|mandatsreferenz|mandate id",
    "creditor_reference": "reference structuree|structured reference|creditor reference|betalingskenmerk",
    "cheque_number": "n cheque|numero de cheque|numero cheque|cheque number|check number",
    "bank_reference": """reference|reference bancaire|reference operation|reference de l operation|transaction id|
        bank reference|numero d operation|transactiereferentie|volgnr|id transaction""",
    "account": "compte|iban|numero de compte|account|account number|auftragskonto|iban auftragskonto|rekening|iban bban",
    "balance": "solde|solde apres operation|balance|running balance|saldo|saldo nach buchung|saldo na mutatie",
}

_WORDS = {
    field: {word.strip(): rank for rank, word in enumerate(" ".join(words.split()).split("|"))}
    for field, words in FIELDS.items()
}
_EVERY = {word for words in _WORDS.values() for word in words}


def known(cells: Sequence[str]) -> int:
    """How many of these cells are headings that we know."""
    return len({plain(cell) for cell in cells if len(cell) <= 60} & _EVERY)


def columns(headings: Sequence[str]) -> dict[str, int]:
    """Field → place of its column; the best synonym wins, and a column serves one field only."""
    offers = sorted(
        (_WORDS[field][word], order, place, field)
        for place, word in enumerate(plain(heading) for heading in headings)
        for order, field in enumerate(_WORDS)
        if word in _WORDS[field]
    )
    found: dict[str, int] = {}
    for _rank, _order, place, field in offers:
        if field not in found and place not in found.values():
            found[field] = place
    return found


def enough(found: dict[str, int]) -> bool:
    """Whether these columns make movements: a day, and an amount or what came and went."""
    return "booked_on" in found and ("amount" in found or {"debit", "credit"} <= set(found))
