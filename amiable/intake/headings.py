"""Which column is what: French and English headings, as exports name them, to the fields of each kind of file.

A new synonym is one word in this table; it is written as `plain` leaves it (no accent, no sign, small letters).
"""

import re
from collections.abc import Sequence

from amiable.core.separated import plain

_NUMBER = """code client|numero client|numero de client|n client|no client|num client|ref client|reference client|
compte client|client id|id client|customer id|customer no|customer number|customer code|code tiers|compte tiers|
n tiers|
numero tiers|n compte client|compte auxiliaire|comp aux num|identifiant client|debtor no|debtor id|code debiteur|
cust number|cust no|code clt|num clt|clt|cardcode|kunnr|sold to|matricule|n compte|numero compte|numero de compte|
no compte|
account no|account number|compte|account|business partner|debtor|tiers|customer|client"""
_NAME = """nom|nom client|nom du client|raison sociale|name|customer name|client name|denomination|societe|
libelle client|intitule|intitule compte|intitule tiers|company|company name|nom tiers|libelle compte|
libelle tiers|nom raison sociale|designation client|debtor name|account name|comp aux lib|nom complet|enseigne|cardname|
client|customer|tiers|debtor"""

MOVEMENT_FIELDS: dict[str, str] = {
    "number": _NUMBER,
    "name": _NAME,
    "kind": """type|type de piece|type piece|type document|type de document|document type|doc type|nature|nature piece|
        type mouvement|type de mouvement|type ecriture|kind|transaction type|type d operation|type operation|
        tran type|
        categorie|sens piece""",
    "reference": """n facture|numero facture|no facture|num facture|numero de facture|n de facture|facture|ref facture|
        reference facture|invoice|invoice no|invoice number|invoice id|invoice ref|invoice reference|n piece|
        numero piece|numero de piece|no piece|num piece|piece|ref piece|reference piece|reference de piece|piece ref|
        reference|ref|document|document no|document number|doc no|doc number|numero document|n document|
        numero|number|invoice num|docnum|belnr|n doc""",
    "external_id": """id|identifiant|identifiant unique|external id|id externe|uuid|guid|row id|line id|
        id ecriture|transaction id|entry id|id piece|cle|id mouvement|id ligne""",
    "settles": """facture reglee|facture payee|facture imputee|facture rapprochee|regle facture|ref facture reglee|
        n facture reglee|numero facture reglee|paid invoice|settles|applied to|apply to|applies to|invoice paid|
        against invoice|facture lettree|imputation|imputee sur|facture d origine|facture origine|applied invoice""",
    "lettered": "lettrage|lettre|code lettrage|code lettre|ecriture let|matching|matching code|letter|let",
    "lettered_on": "date lettrage|date de lettrage|date let|matching date|clearing date",
    "issued_on": """date facture|date de facture|date de facturation|date d emission|date emission|date piece|
        date de piece|date de la piece|date|invoice date|issue date|issued on|issued|document date|doc date|
        date document|posting date|date comptable|date ecriture|date d ecriture|date operation|date mouvement|
        transaction date|billing date|emission|docdate""",
    "due_on": """echeance|date echeance|date d echeance|date ech|dt echeance|due date|due|due on|date due|
        maturity|maturity date|payment due date|net due date|ech|duedate|date exigibilite|date limite paiement""",
    "amount": """montant ttc|montant|ttc|total ttc|montant total|montant facture|montant ttc eur|montant euros|
        montant eur|montant en euros|amount|invoice amount|total|total amount|gross amount|gross|amount incl vat|
        amount due|invoice total|valeur|net a payer|montant initial|montant origine|original amount|montant piece|
        montant du document|montant de la facture|doctotal|amount in local currency|montant net""",
    "residual": """solde|solde du|solde restant|reste du|reste a payer|restant du|restant|reste|solde ouvert|
        montant restant|montant restant du|montant ouvert|montant du|open amount|open balance|balance|balance due|
        outstanding|outstanding amount|remaining|remaining amount|residual|amount open|amount outstanding|
        solde facture|solde piece|solde ttc|montant non regle|non regle|impaye|encours|a payer""",
    "debit": "debit|montant debit|debit eur|debits",
    "credit": "credit|montant credit|credit eur|credits",
    "side": "sens|debit credit|d c|dc|debit credit indicator",
    "currency": "devise|code devise|monnaie|currency|currency code|cur|ccy|iso currency|devise piece",
    "settled_on": """date reglement|date de reglement|date paiement|date de paiement|settled date|settled on|
        paid date|date paid|payment date|payee le|reglee le|paid on|date encaissement|date d encaissement|settlement date""",
    "method": """mode reglement|mode de reglement|mode paiement|mode de paiement|moyen de paiement|payment method|
        method|moyen|type reglement|mode rglt""",
    "order_reference": """n commande|numero commande|numero de commande|commande|bon de commande|ref commande|
        reference commande|order|order no|order number|order reference|po|po number|purchase order|votre ref|
        votre reference""",
    "branch": "agence|etablissement|code agence|branch|branch code|site|succursale|entite|depot|region",
    "reminder": """niveau relance|niveau de relance|n relance|numero relance|derniere relance|nb relances|
        nombre de relances|relance|relances|nb relance|reminder level|last reminder|reminder|reminder no|
        dunning level|reminders sent|num relance|dernier niveau de relance|last reminder number""",
    "reminded_on": """date relance|date derniere relance|date de derniere relance|date de la derniere relance|
        derniere relance le|last reminder date|reminder date|last dunning date|relance le|date de relance""",
}

CONTACT_FIELDS: dict[str, str] = {
    "number": _NUMBER,
    "name": _NAME + "|client nom",
    "person": """contact|nom contact|nom du contact|contact name|interlocuteur|personne|person|nom interlocuteur|
        full name|contact principal|nom prenom|prenom nom|correspondant""",
    "first_name": "prenom|first name|prenom contact|firstname|given name",
    "last_name": "nom de famille|last name|lastname|surname|family name",
    "email": """email|e mail|mail|courriel|adresse email|adresse e mail|adresse mail|email contact|email address|
        adresse electronique|mail contact|e mail address""",
    "phone": """telephone|tel|tel fixe|telephone fixe|phone|phone number|n telephone|numero de telephone|numero telephone|
        n tel|num tel|fixe|telephone 1|tel 1|tel contact|landline""",
    "mobile": "mobile|portable|tel mobile|telephone mobile|tel portable|telephone portable|mobile phone|gsm|cell|cell phone",
    "role": "role|fonction|poste|titre|function|job title|position|qualite|service",
    "language": "langue|language|lang|code langue|language code",
    "preferred": """canal prefere|canal|preference|preferences|preferred channel|canal de contact|mode de contact|
        preferred medium|prefere""",
    "quiet_hours": "heures calmes|quiet hours|ne pas appeler|plage horaire|horaires",
    "salesperson": """commercial|vendeur|charge de clientele|charge d affaires|salesperson|sales rep|
        sales representative|representant|gestionnaire|account manager|email commercial|attache commercial""",
    "branch": "agence|code agence|etablissement|branch|branch code|site|succursale|nom agence|branch name|region",
    "customer_kind": """type client|type de client|categorie client|nature client|customer type|customer kind|
        type de clientele|particulier professionnel|b2b b2c|segment client|kind|type""",
    "street": "adresse|adresse 1|rue|street|address|adresse postale|address 1|voie|street address|adresse ligne 1|adresse1",
    "postcode": "code postal|cp|postcode|zip|zip code|postal code|codepostal",
    "city": "ville|city|commune|town|localite",
    "country": "pays|country|code pays|country code",
    "siren": "siren|siret|n siren|n siret|siren siret|numero siren|numero siret|company number|registration number",
    "parent": """maison mere|parent|client parent|groupe|compte groupe|code groupe|societe mere|parent number|
        parent customer|client groupe|tete de groupe|siege""",
    "payer": "payeur|tiers payeur|client payeur|payer|bill to|code payeur|compte payeur",
    "terms": """conditions de paiement|conditions paiement|delai de paiement|delai paiement|delai|payment terms|terms|
        delai de reglement|delai reglement|condition de reglement|conditions de reglement|conditions reglement|
        echeance jours|nb jours|jours|terms days""",
    "method": """mode de reglement|mode reglement|mode de paiement|mode paiement|payment method|moyen de paiement|
        method""",
    "turnover": """chiffre d affaires|ca|ca annuel|turnover|annual turnover|revenue|chiffre affaires|ca n 1|ca client|
        chiffre d affaires annuel|ca ht""",
    "credit_limit": "plafond|encours autorise|credit limit|limite de credit|plafond encours|limite credit|encours max",
    "potential": "potentiel|potential|potentiel client",
    "key_account": "grand compte|key account|compte cle|client strategique|client cle|vip|grands comptes",
    "sector": "secteur|secteur d activite|sector|industry|activite|naf|code naf|code ape|ape",
    "assistance": "assistance|accompagnement|assistance preference",
    "external_score": "score|score externe|note|rating|cotation|external score|note de credit",
    "customer_since": "client depuis|date creation|customer since|date d entree|since|date de creation|date entree",
    "external_id": "id|identifiant|external id|id externe|uuid|guid",
}

# A file is of the kind whose own words it speaks; `number` and `name` speak for none.
_OWN = {
    "contacts": {"person", "first_name", "email", "phone", "mobile", "street", "postcode", "city", "salesperson", "terms",
                 "siren", "customer_kind", "turnover", "parent", "language", "key_account", "role"},
    "movements": {"reference", "kind", "settles", "issued_on", "due_on", "amount", "debit", "credit", "settled_on"},
}  # fmt: skip


def _synonyms(fields: dict[str, str]) -> dict[str, dict[str, int]]:
    return {
        field: {word.strip(): rank for rank, word in enumerate(re.sub(r"\s+", " ", words).split("|"))}
        for field, words in fields.items()
    }


_MOVEMENTS, _CONTACTS = _synonyms(MOVEMENT_FIELDS), _synonyms(CONTACT_FIELDS)
_EVERY_WORD = {word for names in (*_MOVEMENTS.values(), *_CONTACTS.values()) for word in names}


def fields(kind: str) -> list[str]:
    """The fields that a column can be given to, for a kind of file."""
    if kind == "contacts":
        return list(_CONTACTS)
    return list(_MOVEMENTS) if kind in {"movements", "open_items"} else []


def known(cells: Sequence[str]) -> int:
    """How many of these cells are headings that we know: the row of headings has the most."""
    words = {plain(cell) for cell in cells if len(cell) <= 60} - {""}
    return len(words & _EVERY_WORD)


def columns(headings: Sequence[str], kind: str) -> dict[str, str]:
    """Field → heading for a kind; the best synonym wins, and a heading serves one field only."""
    synonyms = _CONTACTS if kind == "contacts" else _MOVEMENTS
    offers: list[tuple[int, int, int, str, str]] = []
    for place, heading in enumerate(headings):
        word = plain(heading)
        for order, (field, names) in enumerate(synonyms.items()):
            if word in names:
                offers.append((0, names[word], order, field, heading))
            elif any(word.startswith(f"{name} ") and len(name) > 4 for name in names):
                offers.append((1, place, order, field, heading))
    found: dict[str, str] = {}
    for *_, field, heading in sorted(offers):
        if field not in found and heading not in found.values():
            found[field] = heading
    return {field: found[field] for field in synonyms if field in found}


def kind_of(headings: Sequence[str]) -> str:
    """movements, open_items or contacts: whose own fields the headings name most; a balance makes open items."""
    as_movements, as_contacts = columns(headings, "movements"), columns(headings, "contacts")
    own = len(_OWN["movements"] & set(as_movements)) + ("residual" in as_movements)
    if len(_OWN["contacts"] & set(as_contacts)) > own:
        return "contacts"
    return "open_items" if "residual" in as_movements and "debit" not in as_movements else "movements"
