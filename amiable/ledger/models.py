"""Who owes what. Residuals (`open_minor`) belong to the database: triggers keep them equal to the sum of entries.

Nothing here may be added up over two currencies, and no entry is ever changed: a correction is a new entry.
"""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Collate, Reverse

from amiable.ledger.kinds import Account as Account
from amiable.ledger.kinds import CashAuthority as CashAuthority
from amiable.ledger.kinds import ContactRole as ContactRole
from amiable.ledger.kinds import CreditKind as CreditKind
from amiable.ledger.kinds import CustomerKind as CustomerKind
from amiable.ledger.kinds import EntryKind as EntryKind
from amiable.ledger.kinds import HoldKind as HoldKind
from amiable.ledger.kinds import InvoiceKind as InvoiceKind
from amiable.ledger.kinds import Medium as Medium
from amiable.ledger.plain import Plain

CURRENCY = Q(currency__regex=r"^[A-Z]{3}$")


class Creditor(models.Model):
    """The legal entity to whom money is owed; the tenant of all data below it."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    siren = models.CharField(max_length=14, blank=True)
    country = models.CharField(max_length=2, default="FR")
    currency = models.CharField(max_length=3, default="EUR")
    language = models.CharField(max_length=5, default="fr")
    time_zone = models.CharField(max_length=40, default="Europe/Paris")
    address = models.TextField(blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=32, blank=True)
    payment_phone = models.CharField(max_length=32, blank=True)
    iban = models.CharField(max_length=34, blank=True)
    bic = models.CharField(max_length=11, blank=True)
    cash_authority = models.CharField(max_length=10, choices=CashAuthority, default=CashAuthority.ACCOUNTS)
    # What the creditor chooses within the law: caps, gaps, terms, grace; the keys stand in docs/operations/install.md.
    policy = models.JSONField(default=dict, blank=True)
    # A new creditor is in dry run: nothing leaves the house until a person releases it.
    released_at = models.DateTimeField(null=True, blank=True)
    # Everything stopped by a person, until a person lets it go on.
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    stopped_why = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=CURRENCY, name="creditor_currency_iso")]

    def __str__(self) -> str:
        return self.name


class Branch(models.Model):
    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT, related_name="branches")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["creditor", "code"], name="branch_once")]

    def __str__(self) -> str:
        return self.name


class Customer(models.Model):
    """The person or firm that owes. `number` is how the creditor knows it; what the creditor declares stands here."""

    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT, related_name="customers")
    source = models.CharField(max_length=60)
    external_id = models.CharField(max_length=120)
    number = models.CharField(max_length=60)
    name = models.CharField(max_length=160)
    kind = models.CharField(max_length=10, choices=CustomerKind, default=CustomerKind.BUSINESS)
    siren = models.CharField(max_length=14, blank=True)
    language = models.CharField(max_length=5, blank=True)
    country = models.CharField(max_length=2, default="FR")
    postcode = models.CharField(max_length=12, blank=True)
    city = models.CharField(max_length=80, blank=True)
    street = models.CharField(max_length=160, blank=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    payer = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="paid_for")
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.SET_NULL)
    salesperson = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)
    sector = models.CharField(max_length=60, blank=True)
    terms_days = models.PositiveSmallIntegerField(null=True, blank=True)
    terms_end_of_month = models.BooleanField(default=False)
    payment_method = models.CharField(max_length=20, blank=True)  # transfer, card, direct_debit, cheque
    # Turnover is in minor units of the creditor's currency, yearly, as the creditor declares it.
    turnover_minor = models.BigIntegerField(null=True, blank=True)
    potential = models.CharField(max_length=10, blank=True)  # low, medium, high
    key_account = models.BooleanField(default=False)
    credit_limit_minor = models.BigIntegerField(null=True, blank=True)
    external_score = models.SmallIntegerField(null=True, blank=True)  # 0 worst … 100 best
    assistance = models.CharField(max_length=12, blank=True)  # alone, person: how the customer likes to be served
    customer_since = models.DateField(null=True, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["creditor", "source", "external_id"], name="customer_source_once"),
            models.UniqueConstraint(fields=["creditor", "number"], name="customer_number_once"),
            models.CheckConstraint(condition=~Q(merged_into=F("id")), name="customer_not_merged_into_itself"),
        ]
        # What people search by: a part of the name or number, with accents and typing errors; the start of the name; the SIREN.
        indexes = [
            GinIndex(
                OpClass(Plain("name"), "gin_trgm_ops"), OpClass("number", "gin_trgm_ops"), name="customer_words_trgm"
            ),
            models.Index(Collate(Plain("name"), "C"), name="customer_name_start"),
            models.Index(OpClass("siren", "varchar_pattern_ops"), condition=~Q(siren=""), name="customer_siren"),
        ]

    def __str__(self) -> str:
        return self.name


class Contact(models.Model):
    """A person or address of a customer, with language. `preferences` is what a file of contacts told of them; what they
    say themselves is a Preference and comes before it.
    """

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=10, choices=ContactRole, default=ContactRole.MAIN)
    language = models.CharField(max_length=5, blank=True)
    preferences = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            GinIndex(OpClass(Plain("name"), "gin_trgm_ops"), condition=~Q(name=""), name="contact_words_trgm"),
        ]

    def __str__(self) -> str:
        return self.name or self.get_role_display()


class ContactPoint(models.Model):
    """One address: an e-mail, a phone number (E.164) or a postal address (lines)."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="points")
    medium = models.CharField(max_length=10, choices=Medium)
    value = models.CharField(max_length=320)
    # A permanent failure makes the address unusable from then on; a better one is asked for.
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "medium", "value"], name="contact_point_once")]
        indexes = [
            models.Index(fields=["value"], name="contact_point_value"),
            GinIndex(fields=["value"], opclasses=["gin_trgm_ops"], name="contact_point_trgm"),
        ]

    def __str__(self) -> str:
        return self.value


class Consent(models.Model):
    """Leave given or refused for a medium, by whom and how. The newest row counts."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="consents")
    medium = models.CharField(max_length=10, choices=Medium)
    given = models.BooleanField()
    at = models.DateTimeField()
    origin = models.CharField(max_length=60)

    def __str__(self) -> str:
        return f"{self.medium} {'+' if self.given else '-'}"


class Preference(models.Model):
    """How a person wishes to be reached, all of it, as said at one time. The newest row counts, and any past day is seen
    with the one that counted then. It narrows what may be done and never widens it.
    """

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="wishes")
    medium = models.CharField(max_length=10, choices=Medium, blank=True)  # the one liked best; empty: any
    hours = models.JSONField(default=dict, blank=True)  # windows by kind of day, as in law/hours.py; empty: any
    per_week = models.PositiveSmallIntegerField(null=True, blank=True)  # contacts in seven days, at most
    at = models.DateTimeField()
    origin = models.CharField(max_length=60)  # portal, desk
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        indexes = [models.Index(fields=["contact", "-at"], name="preference_contact")]
        constraints = [
            models.CheckConstraint(condition=Q(per_week=None) | Q(per_week__gte=1), name="preference_not_never")
        ]

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.medium or '*'} {self.per_week or ''}".strip()


class Invoice(models.Model):
    """One receivable with a due date. `amount_minor` never changes; `open_minor` is the database's.

    `reached` and `reached_on` are the invoice's own climb through the scenario's levels (0: no step yet).
    """

    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT, related_name="invoices")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices")
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.SET_NULL)
    source = models.CharField(max_length=60)
    external_id = models.CharField(max_length=120)
    reference = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=InvoiceKind, default=InvoiceKind.INVOICE)
    account = models.CharField(max_length=10, choices=Account, default=Account.RECEIVABLE)
    order_reference = models.CharField(max_length=60, blank=True)
    issued_on = models.DateField()
    due_on = models.DateField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    open_minor = models.BigIntegerField()
    # Kept by the database: the charges posted on it so far (interest, indemnity, costs), paid or not, and the day on which
    # what was invoiced had come in. Charges that are still open make no settled invoice late again.
    charged_minor = models.BigIntegerField(default=0, db_default=0)
    settled_on = models.DateField(null=True, blank=True)
    known_at = models.DateTimeField()
    reached = models.SmallIntegerField(default=0, db_default=0)
    reached_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["creditor", "source", "external_id"], name="invoice_source_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="invoice_amount_positive"),
            models.CheckConstraint(condition=Q(open_minor__gte=0), name="invoice_not_over_allocated"),
            models.CheckConstraint(condition=Q(charged_minor__gte=0), name="invoice_charges_not_negative"),
            models.CheckConstraint(condition=CURRENCY, name="invoice_currency_iso"),
        ]
        indexes = [
            models.Index(fields=["customer", "due_on"], name="invoice_customer"),
            # By its start and by its end, as people read a number out.
            models.Index("creditor", OpClass("reference", "varchar_pattern_ops"), name="invoice_reference"),
            models.Index("creditor", OpClass(Reverse("reference"), "text_pattern_ops"), name="invoice_reference_end"),
            models.Index(fields=["creditor", "due_on"], condition=Q(open_minor__gt=0), name="invoice_open"),
            # By what is open of it; and by what it was about, where that is something else.
            models.Index(fields=["creditor", "open_minor"], condition=Q(open_minor__gt=0), name="invoice_open_amount"),
            models.Index(
                fields=["creditor", "amount_minor"],
                condition=Q(open_minor__gt=0) & ~Q(open_minor=F("amount_minor")),
                name="invoice_partly_open",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def principal_minor(self) -> int:
        """What is open of what was invoiced: money covers it before the charges on it."""
        return max(self.open_minor - self.charged_minor, 0)


class Credit(models.Model):
    """Money received or a credit note, with what is left of it. Nobody's yet (no customer): suspense.

    A cheque or a bill is credited under reserve: until `reserved_until` the bank may take it back.

    `provisional`: told by someone who is not the creditor's cash authority; it counts for stopping reminders,
    and is reconciled to the authority's word, never added to it (`confirmed_by` is that word).
    """

    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT, related_name="credits")
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="credits")
    source = models.CharField(max_length=60)
    external_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=CreditKind, default=CreditKind.PAYMENT)
    reference = models.CharField(max_length=140, blank=True)
    received_on = models.DateField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    open_minor = models.BigIntegerField()
    method = models.CharField(max_length=20, blank=True)
    reserved_until = models.DateField(null=True, blank=True)
    provisional = models.BooleanField(default=False, db_default=False)
    confirmed_by = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="confirms")
    known_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["creditor", "source", "external_id"], name="credit_source_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="credit_amount_positive"),
            models.CheckConstraint(
                condition=Q(open_minor__gte=0, open_minor__lte=F("amount_minor")), name="credit_not_over_allocated"
            ),
            models.CheckConstraint(condition=CURRENCY, name="credit_currency_iso"),
        ]
        indexes = [
            models.Index(fields=["customer", "received_on"], name="credit_customer"),
            models.Index(fields=["creditor", "amount_minor", "received_on"], name="credit_amount"),
            models.Index(fields=["creditor"], condition=Q(open_minor__gt=0), name="credit_open"),
            models.Index(
                fields=["creditor", "-received_on", "-id"],
                condition=Q(customer__isnull=True, kind="payment", open_minor__gt=0),
                name="credit_suspense",
            ),
        ]

    def __str__(self) -> str:
        return self.reference or f"{self.kind} {self.external_id}"


class Allocation(models.Model):
    """Moves money from a credit to an invoice of the same creditor and currency. Negative: takes one back (`reverses`).

    Inserting the row is all: the database writes the entry and moves both residuals, or refuses.
    """

    credit = models.ForeignKey(Credit, on_delete=models.PROTECT, related_name="allocations")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="allocations")
    amount_minor = models.BigIntegerField()
    effective_on = models.DateField()
    known_at = models.DateTimeField()
    rule = models.CharField(max_length=20)  # named, lettered, reference, oldest_due, person, reversal
    reverses = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by")
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, reverses__isnull=True) | Q(amount_minor__lt=0, reverses__isnull=False),
                name="allocation_sign",
            )
        ]

    def __str__(self) -> str:
        return f"{self.credit_id}→{self.invoice_id} {self.amount_minor}"


class Entry(models.Model):
    """One posting. The residual of an invoice, as of a day, is the sum of its entries; of a credit likewise.

    `amount_minor` is signed as it moves the residual of the rows named. `effective_on`: when it counts;
    `known_at`: when we learnt it. Append-only.
    """

    kind = models.CharField(max_length=10, choices=EntryKind)
    invoice = models.ForeignKey(Invoice, null=True, on_delete=models.PROTECT, related_name="entries", db_index=False)
    credit = models.ForeignKey(Credit, null=True, on_delete=models.PROTECT, related_name="entries", db_index=False)
    allocation = models.ForeignKey(
        Allocation, null=True, on_delete=models.PROTECT, related_name="entries", db_index=False
    )
    amount_minor = models.BigIntegerField()
    effective_on = models.DateField()
    known_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True, db_default="")
    # Of a charge: the end of its period, and 0 for the first posting of it, then 1, 2 ... for what corrects it.
    period_on = models.DateField(null=True, blank=True)
    part = models.SmallIntegerField(null=True, blank=True)
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "kind", "period_on", "part"],
                condition=Q(period_on__isnull=False),
                name="entry_charge_once",
            ),
            models.CheckConstraint(
                condition=Q(invoice__isnull=False) | Q(credit__isnull=False), name="entry_names_a_row"
            ),
            models.CheckConstraint(condition=~Q(amount_minor=0), name="entry_not_nil"),
        ]
        indexes = [
            models.Index(fields=["invoice"], condition=Q(invoice__isnull=False), name="entry_invoice"),
            models.Index(fields=["credit"], condition=Q(credit__isnull=False), name="entry_credit"),
            models.Index(fields=["effective_on"], name="entry_effective"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_minor}"


class Sale(models.Model):
    """Sold to the creditor's factor: one invoice, or all of a customer's, from a day on. The factor is to be paid."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="sales")
    invoice = models.ForeignKey(Invoice, null=True, blank=True, on_delete=models.CASCADE, related_name="sales")
    since = models.DateField()
    until = models.DateField(null=True, blank=True)  # bought back
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="sale_ends_later"),
            models.UniqueConstraint(
                fields=["customer", "invoice"], condition=Q(until__isnull=True), name="sale_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.invoice_id or '*'} {self.since}"


CHARGES = (EntryKind.INTEREST, EntryKind.INDEMNITY, EntryKind.FEE)


class Waiver(models.Model):
    """A person (or an agreement) lets a customer, or one invoice, off charges: on days with since ≤ day < until.

    Without `since` it takes away what ran before as well: what was posted is taken back by a new entry.
    """

    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="waivers")
    invoice = models.ForeignKey(Invoice, null=True, blank=True, on_delete=models.CASCADE, related_name="waivers")
    kind = models.CharField(max_length=10, blank=True)  # interest or indemnity; empty: both
    source_ref = models.CharField(max_length=80)  # who or what wrote it: 'desk:…', 'plan:17'
    reason = models.CharField(max_length=200)
    since = models.DateField(null=True, blank=True)
    until = models.DateField(null=True, blank=True)
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source_ref", "customer", "invoice", "kind"], name="waiver_once", nulls_distinct=False
            )
        ]
        indexes = [models.Index(fields=["customer"], name="waiver_customer")]

    def __str__(self) -> str:
        return f"{self.kind or '*'} {self.since or '…'}–{self.until or '…'}"


class Hold(models.Model):
    """A reason not to treat, on an invoice or on the whole customer, active on days with since ≤ day < until."""

    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="holds")
    invoice = models.ForeignKey(Invoice, null=True, blank=True, on_delete=models.CASCADE, related_name="holds")
    kind = models.CharField(max_length=12, choices=HoldKind)
    source_ref = models.CharField(max_length=80)  # the row that wrote it: 'dispute:17', 'desk:anna'
    amount_minor = models.BigIntegerField(null=True, blank=True)  # the part it concerns; empty: the whole
    reason = models.CharField(max_length=200, blank=True)
    since = models.DateField()
    until = models.DateField(null=True, blank=True)
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="hold_ends_later"),
            models.UniqueConstraint(
                fields=["source_ref", "customer", "invoice"], name="hold_once", nulls_distinct=False
            ),
        ]
        indexes = [models.Index(fields=["customer", "until"], name="hold_customer")]

    def __str__(self) -> str:
        return f"{self.kind} {self.since}–{self.until or '…'}"


class Document(models.Model):
    """A copy of an invoice (PDF), kept as a file in the documents folder and found by its digest."""

    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT)
    invoice = models.ForeignKey(Invoice, null=True, on_delete=models.CASCADE, related_name="documents")
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    known_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["creditor", "sha256", "invoice"], name="document_once")]

    def __str__(self) -> str:
        return self.name
