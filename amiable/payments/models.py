"""Tries to pay, promises and plans, debit authorities, and what the bank says."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Reverse
from django.utils.translation import gettext_lazy as _

from amiable.ledger.models import Credit, Creditor, Customer


class Journey(models.TextChoices):
    EMAIL_LINK = "email_link", _("Link in an e-mail")
    SMS_LINK = "sms_link", _("Link in an SMS")
    LETTER_LINK = "letter_link", _("Link in a letter")
    PORTAL = "portal", _("Portal")
    AGENT = "agent", _("Agent on the phone")
    IVR = "ivr", _("Voice server")
    IVR_AGENT = "ivr_agent", _("Voice server with an agent")
    CAMPAIGN = "campaign", _("Call campaign with a voice server")
    STANDING = "standing", _("Standing order")
    DESK_LINK = "desk_link", _("Link or QR code from a colleague")


class Chain(models.Model):
    """The tries that follow one another until paid, or until nobody goes on with them (`moved_at`: when somebody last did)."""

    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="chains")
    currency = models.CharField(max_length=3)
    opened_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "currency"], condition=Q(closed_at__isnull=True), name="chain_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.opened_at:%Y-%m-%d}"


class AttemptState(models.TextChoices):
    OPENED = "opened", _("Opened")
    STARTED = "started", _("Started")
    PENDING = "pending", _("At the bank")  # given to the customer's bank, which says days later whether it pays
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    ABANDONED = "abandoned", _("Abandoned")


class Attempt(models.Model):
    """One try to pay on one journey: opened, started, input errors, then succeeded, failed or abandoned.

    `plan_ref`: what of a plan it collects. `state_at`: of when the word is that decides the state. `declined_at` and
    `decline_code`: the last refusal, which a success may follow. `by`: the colleague on the phone.
    """

    chain = models.ForeignKey(Chain, on_delete=models.PROTECT, related_name="attempts")
    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="attempts")
    token = models.CharField(max_length=40, unique=True)  # ours, told to the provider
    provider = models.CharField(max_length=40)
    external_id = models.CharField(max_length=200, blank=True)  # the provider's
    journey = models.CharField(max_length=12, choices=Journey)
    message_ref = models.BigIntegerField(null=True, blank=True)
    campaign_ref = models.BigIntegerField(null=True, blank=True)
    plan_ref = models.BigIntegerField(null=True, blank=True)
    step = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    invoices = ArrayField(models.BigIntegerField(), default=list)  # in the order in which they are to be paid
    state = models.CharField(max_length=10, choices=AttemptState, default=AttemptState.OPENED)
    state_at = models.DateTimeField(null=True, blank=True)
    input_errors = models.PositiveSmallIntegerField(default=0)
    decline_code = models.CharField(max_length=60, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)
    credit = models.OneToOneField(Credit, null=True, blank=True, on_delete=models.PROTECT, related_name="attempt")
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    opened_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    asks = models.PositiveSmallIntegerField(
        default=0, db_default=0
    )  # how often the provider was asked what became of it
    ask_at = models.DateTimeField(null=True, blank=True)  # when it is asked next; empty: soon after the opening

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="attempt_amount_positive"),
            models.UniqueConstraint(
                fields=["provider", "external_id"], condition=~Q(external_id=""), name="attempt_external_once"
            ),
        ]
        indexes = [
            models.Index(fields=["creditor", "opened_at"], name="attempt_opened"),
            models.Index(
                fields=["state", "opened_at"], condition=Q(state__in=["opened", "started"]), name="attempt_live"
            ),
            models.Index(fields=["opened_at"], condition=~Q(state="succeeded"), name="attempt_unheard"),
        ]

    def __str__(self) -> str:
        return self.token


class ProviderEvent(models.Model):
    """A provider's word as it came: unique, so that the tenth telling of the same thing changes nothing."""

    provider = models.CharField(max_length=40)
    creditor = models.ForeignKey(
        Creditor, null=True, on_delete=models.CASCADE
    )  # whose hook it came by; empty: everybody's
    external_id = models.CharField(max_length=200)
    attempt = models.ForeignKey(Attempt, null=True, on_delete=models.CASCADE, related_name="provider_events")
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    raw = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "creditor", "external_id"], name="provider_event_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id}"


class KeypadCode(models.Model):
    """What leads a call to a try that a colleague has prepared: typed once on a telephone, good for minutes."""

    attempt = models.OneToOneField(Attempt, on_delete=models.CASCADE, related_name="keypad")
    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    code = models.CharField(max_length=6)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    call = models.CharField(max_length=40, blank=True)  # the provider's name of the one in which it was typed
    returned_at = models.DateTimeField(null=True, blank=True)  # when the colleague took that call back

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["creditor", "code"], condition=Q(used_at=None), name="keypad_once")
        ]

    def __str__(self) -> str:
        return self.code


class PromiseState(models.TextChoices):
    OPEN = "open", _("Open")
    KEPT = "kept", _("Kept")
    PARTLY = "partly", _("Partly kept")
    BROKEN = "broken", _("Broken")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Promise(models.Model):
    """An amount promised for a date, for named invoices; judged on the day after."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="promises")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    promised_for = models.DateField()
    invoices = ArrayField(models.BigIntegerField(), default=list)
    taken_at = models.DateTimeField()
    taken_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)
    origin = models.CharField(max_length=20)  # call, portal, reply
    state = models.CharField(max_length=10, choices=PromiseState, default=PromiseState.OPEN)
    judged_on = models.DateField(null=True, blank=True)
    kept_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="promise_amount_positive")]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency} {self.promised_for}"


class PlanReason(models.TextChoices):
    """Why somebody is late: it decides which way out fits."""

    OVERSIGHT = "oversight", _("Oversight")
    ADMINISTRATIVE = "administrative", _("Administrative delay")
    TEMPORARY = "temporary", _("Temporary difficulty")
    LASTING = "lasting", _("Lasting difficulty")
    DISPUTE = "dispute", _("A part is contested")
    UNWILLING = "unwilling", _("Does not wish to pay")


class PlanState(models.TextChoices):
    PROPOSED = "proposed", _("Waits for approval")
    OFFERED = "offered", _("Offered")
    AGREED = "agreed", _("On time")
    LATE = "late", _("Late")
    CURED = "cured", _("On time again")
    DONE = "done", _("Kept to the end")
    BROKEN = "broken", _("Broken")
    REPLACED = "replaced", _("Replaced")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    REFUSED = "refused", _("Refused")
    EXPIRED = "expired", _("Expired")

    @classmethod
    def running(cls) -> "tuple[PlanState, ...]":
        return (cls.AGREED, cls.LATE, cls.CURED)

    @classmethod
    def alive(cls) -> "tuple[PlanState, ...]":
        return (cls.PROPOSED, cls.OFFERED, *cls.running())


class Plan(models.Model):
    """A schedule that both sides agree to; it re-times invoices and adds nothing to the exposure.

    What is paid of it counts from `settled_before_minor`, all that had settled its invoices when it was offered.
    """

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="plans")
    currency = models.CharField(max_length=3)
    total_minor = models.BigIntegerField()  # the sum of its instalments
    discount_minor = models.BigIntegerField(default=0)  # given up once all of them are paid
    settled_before_minor = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=20, choices=PlanReason, blank=True)
    words = models.TextField(blank=True)  # the customer's own
    sealed_capacity = models.TextField(blank=True)  # private, and forgotten when the plan is over
    terms = models.JSONField(default=dict)  # freeze, accelerates, guarantee, deposit
    invoices = ArrayField(models.BigIntegerField(), default=list)  # oldest due first
    needs = models.CharField(max_length=12, blank=True)  # who may agree to it: customer, collector, manager
    state = models.CharField(max_length=12, choices=PlanState)
    origin = models.CharField(max_length=20, blank=True)  # portal, desk
    offered_at = models.DateTimeField()
    offered_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    answer_by = models.DateField(null=True, blank=True)  # an offer stands until then; a late plan is put right by then
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_name = models.CharField(max_length=120, blank=True)
    accepted_from = models.GenericIPAddressField(null=True, blank=True)
    agreed_at = models.DateTimeField(null=True, blank=True)
    agreement = models.CharField(max_length=64, blank=True)  # digest of the paper, as it was accepted
    mandate = models.ForeignKey("Mandate", null=True, blank=True, on_delete=models.SET_NULL, related_name="plans")
    late_since = models.DateField(null=True, blank=True)
    cured_on = models.DateField(null=True, blank=True)
    accelerates_on = models.DateField(null=True, blank=True)  # notice was given: then the rest falls due
    ended_on = models.DateField(null=True, blank=True)
    replaces = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(total_minor__gt=0), name="plan_total_positive"),
            models.CheckConstraint(condition=Q(discount_minor__gte=0), name="plan_discount_not_negative"),
        ]
        indexes = [
            models.Index(
                fields=["customer"],
                condition=Q(state__in=["proposed", "offered", "agreed", "late", "cured"]),
                name="plan_alive",
            )
        ]

    def __str__(self) -> str:
        return f"{self.total_minor} {self.currency}"


class Instalment(models.Model):
    """One payment of a plan. `tried_at`: when it was asked for by the saved way to pay, at most once."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="instalments")
    due_on = models.DateField()
    amount_minor = models.BigIntegerField()
    paid_minor = models.BigIntegerField(default=0)
    settled_on = models.DateField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="instalment_amount_positive"),
            models.CheckConstraint(
                condition=Q(paid_minor__gte=0, paid_minor__lte=models.F("amount_minor")), name="instalment_not_overpaid"
            ),
            models.UniqueConstraint(fields=["plan", "due_on"], name="instalment_one_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.due_on} {self.amount_minor}"


class Mandate(models.Model):
    """A way to pay that the customer lets us use again: a debit authority, a card kept by the provider. Asked for first
    (`token` is ours), then saved by the customer, one day ended. No number of a card or an account is ever in it.
    """

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="mandates")
    provider = models.CharField(max_length=40)
    token = models.CharField(max_length=40, unique=True)  # of the attempt, where it is saved while paying
    payer = models.CharField(max_length=60, blank=True)  # the customer, as the provider knows it
    reference = models.CharField(max_length=60, blank=True)  # the provider's; empty until the customer has saved it
    authority = models.CharField(max_length=60, blank=True)  # the reference of the debit authority, where there is one
    scheme = models.CharField(max_length=20, blank=True)  # card, sepa_debit
    label = models.CharField(max_length=80, blank=True)  # Visa •••• 4242
    expires_on = models.DateField(null=True, blank=True)  # the last day on which it can be used
    asked_at = models.DateTimeField()
    signed_on = models.DateField(null=True, blank=True)
    last_used_on = models.DateField(null=True, blank=True)
    ended_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "provider", "reference"], condition=~Q(reference=""), name="mandate_once"
            )
        ]

    def __str__(self) -> str:
        return self.label or self.token


class StandingOrder(models.Model):
    """A customer's word that each invoice is debited on its due date, from the day of the word on."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="standing_orders")
    currency = models.CharField(max_length=3)
    mandate = models.ForeignKey(Mandate, on_delete=models.CASCADE, related_name="standing_orders")
    given_at = models.DateTimeField()
    given_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)  # empty: on the portal
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "currency"], condition=Q(ended_at__isnull=True), name="standing_order_one"
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.currency} {self.mandate}"


class Telling(models.TextChoices):
    """How final the bank's word is: the statement of a day counts, the others announce what it will say."""

    BOOKED = "booked", _("Statement")  # camt.053, MT940, CFONB 120, CSV
    NOTICE = "notice", _("Notice")  # camt.054
    INTRADAY = "intraday", _("During the day")  # camt.052, MT942


class StatementState(models.TextChoices):
    COUNTED = "counted", _("Counted")
    QUESTION = "question", _("In question")  # kept whole, and its money waits for a person's word
    DROPPED = "dropped", _("Dropped")


class Statement(models.Model):
    """What the bank told of one account over some days. `iban`: where the bank tells none, its own number of the account.

    One that does not hold (its balances do not meet its lines, its account is unknown) is in question: all is kept, and
    none of its money counts, until a person accepts or drops it.
    """

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    source = models.CharField(max_length=60)  # bank:<IBAN>
    external_id = models.CharField(max_length=120)  # digest of what it tells: the same day again is the same statement
    iban = models.CharField(max_length=34)
    currency = models.CharField(max_length=3)
    format = models.CharField(max_length=20)
    telling = models.CharField(max_length=10, choices=Telling, default=Telling.BOOKED)
    number = models.CharField(max_length=40, blank=True)  # the bank's own count
    reference = models.CharField(max_length=70, blank=True)  # the bank's name for it
    file = models.CharField(max_length=200, blank=True)
    opened_on = models.DateField()
    closed_on = models.DateField()
    opening_minor = models.BigIntegerField(null=True, blank=True)  # empty: not told
    closing_minor = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=StatementState, default=StatementState.COUNTED)
    said = models.JSONField(default=list, blank=True)  # what was odd in it, in sentences
    known_at = models.DateTimeField()
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["creditor", "source", "external_id"], name="statement_once")]
        indexes = [models.Index(fields=["creditor", "iban", "closed_on"], name="statement_account")]

    def __str__(self) -> str:
        return f"{self.iban} {self.closed_on}"


class LineKind(models.TextChoices):
    """What a movement is; empty while neither the bank nor matching has said."""

    CUSTOMER = "customer", _("From a customer")
    PAYOUT = "payout", _("Payout of a provider")
    RETURN = "return", _("Returned")
    FEE = "fee", _("Fee of the bank")
    OWN = "own", _("Between own accounts")
    OTHER = "other", _("Other")


class StatementLine(models.Model):
    """One movement as one statement tells it, signed: money that comes in is positive.

    Told again by another statement, it names the line that told it first (`same_as`): only that one has a credit, or,
    where money went back, names the credit that it was taken from. `entry` counts the bank's bookings within the
    statement; a batch that is told in detail is several lines of one entry.
    """

    statement = models.ForeignKey(Statement, on_delete=models.CASCADE, related_name="lines")
    external_id = models.CharField(max_length=120)
    entry = models.PositiveIntegerField(default=0)
    booked_on = models.DateField()
    value_on = models.DateField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    fees_minor = models.BigIntegerField(default=0)  # kept back by the banks: the payer paid so much more
    instructed_minor = models.BigIntegerField(null=True, blank=True)  # what the payer ordered, in their currency
    instructed_currency = models.CharField(max_length=3, blank=True)
    kind = models.CharField(max_length=10, choices=LineKind, blank=True)
    method = models.CharField(max_length=20, blank=True)  # transfer, direct_debit, cheque, bill, card
    payer = models.CharField(max_length=140, blank=True)  # whoever stands on the other side, of what goes out too
    payer_iban = models.CharField(max_length=34, blank=True)
    ultimate_payer = models.CharField(max_length=140, blank=True)
    text = models.TextField(blank=True)
    creditor_reference = models.CharField(max_length=70, blank=True)
    end_to_end_id = models.CharField(max_length=70, blank=True)
    mandate_id = models.CharField(max_length=70, blank=True)
    cheque_number = models.CharField(max_length=35, blank=True)
    bank_reference = models.CharField(max_length=70, blank=True)
    bank_code = models.CharField(max_length=40, blank=True)
    return_reason = models.CharField(max_length=140, blank=True)
    credit = models.ForeignKey(Credit, null=True, blank=True, on_delete=models.PROTECT, related_name="statement_lines")
    same_as = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="told_again")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["statement", "external_id"], name="statement_line_once")]
        indexes = [
            models.Index(fields=["end_to_end_id"], condition=~Q(end_to_end_id=""), name="statement_line_end_to_end"),
            models.Index(fields=["mandate_id"], condition=~Q(mandate_id=""), name="statement_line_mandate"),
            # People know the end of an account's number.
            models.Index(
                OpClass(Reverse("payer_iban"), "text_pattern_ops"),
                condition=~Q(payer_iban=""),
                name="statement_line_iban_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.booked_on} {self.amount_minor}"


class MatchState(models.TextChoices):
    PROPOSED = "proposed", _("Proposed")
    APPLIED = "applied", _("Applied")
    UNDONE = "undone", _("Undone")


class Match(models.Model):
    """What money that is nobody's yet may be, or was taken to be: a customer's, for certain invoices, or not customers'.

    Proposals are written anew at each look (`rank` 0 is the best; one without customer says that nothing was found).
    What was applied stays for good, undone or not: it is the history, and payers are remembered from it.
    """

    credit = models.ForeignKey(Credit, on_delete=models.PROTECT, related_name="matches")
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=LineKind, default=LineKind.CUSTOMER)
    state = models.CharField(max_length=10, choices=MatchState, default=MatchState.PROPOSED)
    rank = models.PositiveSmallIntegerField(default=0)
    parts = models.JSONField(default=list)  # [kind of item, its id, amount, given up], minor units
    rest_minor = models.BigIntegerField(default=0)  # stays with the customer, on account
    confidence = models.FloatField(default=0)
    reasons = models.JSONField(default=list)  # [code, values]
    looked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    # What applying it wrote: allocations of credit notes, entries of what was given up. The credit's own stand with it.
    netted = ArrayField(models.BigIntegerField(), default=list)
    entries = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["credit", "rank"], condition=Q(state="proposed"), name="match_proposed_once"
            ),
            models.UniqueConstraint(fields=["credit"], condition=Q(state="applied"), name="match_applied_once"),
        ]
        indexes = [models.Index(fields=["confirmed_at"], condition=Q(state="applied"), name="match_applied")]

    def __str__(self) -> str:
        return f"{self.credit_id} {self.state}"
