"""What the banks' own codes of a movement say: how it was paid, and whether it is a return or a fee. Tables, no rows."""

# ISO 20022 (external code set of bank transactions): family, then what the sub-family says more.
FAMILIES = {
    "RCDT": "transfer", "RRCT": "transfer", "ICDT": "transfer", "IRCT": "transfer", "IDDT": "direct_debit",
    "RDDT": "direct_debit", "RCHQ": "cheque", "ICHQ": "cheque", "DRFT": "bill", "CCRD": "card", "MCRD": "card",
}  # fmt: skip
ISO_RETURNS = {"UPDD", "UPCQ", "UPCT", "UDFT", "RRTN", "PRDD", "RCDD"}
ISO_FEES = {"CHRG", "COMM", "FEES", "COME", "COMI", "TAXE", "INTR"}

# German business transaction codes (Geschäftsvorfallcode), in field 86 and in camt's proprietary code.
GERMAN = {
    **dict.fromkeys(("051", "052", "152", "153", "154", "155", "156", "166", "168", "169", "194"), "transfer"),
    **dict.fromkeys(("171", "174", "192", "196"), "direct_debit"),
    **dict.fromkeys(("070", "170"), "cheque"),
}
GERMAN_RETURNS = {"108": "direct_debit", "109": "direct_debit", "111": "cheque", "159": "transfer"}
GERMAN_FEES = {"805", "806", "807", "808", "809"}

# SWIFT transaction types of field 61.
SWIFT = {"TRF": "transfer", "DDT": "direct_debit", "CHK": "cheque", "BOE": "bill", "DRA": "bill", "BNK": "transfer"}
SWIFT_RETURNS = {"RTI"}
SWIFT_FEES = {"CHG", "COM", "INT"}

# CFONB: codes of interbank operations; codes of what came back name how it had been paid.
CFONB = {
    **dict.fromkeys(("05", "13", "18", "39", "41", "45"), "transfer"),
    **dict.fromkeys(("09", "24", "97", "A1", "A2"), "direct_debit"),
    **dict.fromkeys(("02", "15"), "cheque"),
    **dict.fromkeys(("31", "32", "35", "37", "90"), "bill"),
    **dict.fromkeys(("30", "36"), "card"),
}
CFONB_RETURNS = {
    "03": "cheque", "10": "direct_debit", "12": "transfer", "26": "direct_debit", "27": "direct_debit", "33": "bill",
    "34": "bill", "38": "card", "98": "direct_debit", "A3": "direct_debit", "A4": "direct_debit", "B3": "direct_debit",
    "B4": "direct_debit",
}  # fmt: skip
CFONB_FEES = {"61", "62", "64", "65", "66", "67", "70", "88"}
