"""The kinds of things in the ledger, with the names that people read."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class CustomerKind(models.TextChoices):
    CONSUMER = "consumer", _("Consumer")
    BUSINESS = "business", _("Business")
    PUBLIC = "public", _("Public body")


class CashAuthority(models.TextChoices):
    """Whose word on money counts; what the others tell is provisional and reconciled to it."""

    PSP = "psp", _("Payment provider")
    BANK = "bank", _("Bank statement")
    ACCOUNTS = "accounts", _("Accounts")


class ContactRole(models.TextChoices):
    MAIN = "main", _("Main contact")
    ACCOUNTS = "accounts", _("Accounts payable")
    BUYER = "buyer", _("Buyer")
    MANAGER = "manager", _("Management")
    OTHER = "other", _("Other")


class Medium(models.TextChoices):
    EMAIL = "email", _("E-mail")
    SMS = "sms", _("SMS")
    LETTER = "letter", _("Letter")
    CALL = "call", _("Call")
    IVR = "ivr", _("Voice server")
    WHATSAPP = "whatsapp", _("WhatsApp")


class InvoiceKind(models.TextChoices):
    INVOICE = "invoice", _("Invoice")
    DEBIT_NOTE = "debit_note", _("Debit note")
    TERM = "term", _("Term")


class Account(models.TextChoices):
    """Where the accounts carry the receivable."""

    RECEIVABLE = "receivable", _("Receivable")
    BILL = "bill", _("Bill of exchange")
    DOUBTFUL = "doubtful", _("Doubtful debt")


class CreditKind(models.TextChoices):
    PAYMENT = "payment", _("Payment")
    CREDIT_NOTE = "credit_note", _("Credit note")
    OTHER = "other", _("Other credit")


class EntryKind(models.TextChoices):
    PRINCIPAL = "principal", _("Principal")  # opens an invoice: written by the database
    RECEIPT = "receipt", _("Receipt")  # opens a credit: written by the database
    ALLOCATION = "allocation", _("Allocation")  # written by the database for each allocation
    REVERSAL = "reversal", _("Reversal")
    INTEREST = "interest", _("Late interest")
    INDEMNITY = "indemnity", _("Recovery indemnity")
    FEE = "fee", _("Recovery costs")
    WRITE_OFF = "write_off", _("Write-off")
    REFUND = "refund", _("Refund")


class HoldKind(models.TextChoices):
    DISPUTE = "dispute", _("Dispute")
    PROMISE = "promise", _("Promise to pay")
    PLAN = "plan", _("Payment plan")
    PAYMENT = "payment", _("Payment under way")
    CLAIMED = "claimed", _("Says it is paid")
    INSOLVENCY = "insolvency", _("Insolvency proceedings")
    MORATORIUM = "moratorium", _("Moratorium")
    VULNERABLE = "vulnerable", _("Vulnerable person")
    PLACED = "placed", _("With an agency")
    PERSON = "person", _("Held by a colleague")
    PAUSE = "pause", _("Paused by the scenario")
    OUT = "out", _("Out of the scenario")  # by a colleague, or by a step that ends the journey; a colleague returns it
    VANISHED = "vanished", _("Missing from the open items")
    HOLDOUT = "holdout", _("Left alone to measure against")
