"""What is to be said, each try to carry it, what the provider reports, what the customer answers."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from amiable.ledger.models import Contact, Creditor, Customer, Medium


class Tone(models.TextChoices):
    WARM = "warm", _("Warm")
    NEUTRAL = "neutral", _("Neutral")
    FIRM = "firm", _("Firm")


class Template(models.Model):
    """A text, in one version: creditor's own, or the house's where the creditor is empty."""

    creditor = models.ForeignKey(Creditor, null=True, blank=True, on_delete=models.CASCADE)
    key = models.CharField(max_length=40)  # courtesy_notice, reminder_1, ...
    medium = models.CharField(max_length=10, choices=Medium)
    language = models.CharField(max_length=5)
    audience = models.CharField(max_length=10)  # consumer or business
    tone = models.CharField(max_length=8, choices=Tone)
    version = models.PositiveIntegerField(default=1)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    written_at = models.DateTimeField(null=True, blank=True)
    written_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)
    # Taken out of use by a person: an approved one no longer speaks, a draft is given up.
    retired_at = models.DateTimeField(null=True, blank=True)
    retired_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["creditor", "key", "medium", "language", "audience", "tone", "version"],
                name="template_version_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.language} v{self.version}"


class MessageState(models.TextChoices):
    WAITING = "waiting", _("Waits for release")
    PLANNED = "planned", _("Planned")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    IN_DOUBT = "in_doubt", _("In doubt")  # a crash came between the writing and the answer: for a person, never re-sent
    WITHHELD = "withheld", _("Withheld")  # the guard's last look said no
    FAILED = "failed", _("Failed")


class Message(models.Model):
    """What is to be said to a customer. Its key makes it one: (customer, run, purpose)."""

    key = models.CharField(max_length=120, unique=True)
    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="messages")
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.SET_NULL)
    currency = models.CharField(max_length=3)
    purpose = models.CharField(max_length=40)  # the template's key; 'statement', 'receipt' too
    medium = models.CharField(max_length=10, choices=Medium)
    address = models.CharField(max_length=320, blank=True)
    language = models.CharField(max_length=5)
    tone = models.CharField(max_length=8, choices=Tone)
    as_of = models.DateField()
    # Who ordered it, and why, in the orderer's words; outreach does not ask. `capped`: the rails for reminders apply.
    decision_ref = models.BigIntegerField(null=True, blank=True, db_index=True)
    campaign_ref = models.BigIntegerField(null=True, blank=True)
    step = models.CharField(max_length=40, blank=True)
    capped = models.BooleanField(default=True)
    # The invoices it is about (`about`), those it mentions besides (`also`), and the level that each one reaches by it.
    about = ArrayField(models.BigIntegerField(), default=list)
    also = ArrayField(models.BigIntegerField(), default=list)
    level = models.SmallIntegerField(default=0)
    also_levels = ArrayField(models.SmallIntegerField(), default=list)
    context = models.JSONField(default=dict)
    # The channels of the step that are left when this one fails for good, and the first message that one is instead of.
    fallback = ArrayField(models.CharField(max_length=10), default=list)
    instead_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="others")
    # The message that told this one too, since one person looks after both accounts; it has the delivery.
    told_in = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="tells")
    state = models.CharField(max_length=10, choices=MessageState, default=MessageState.PLANNED)
    verdict = models.CharField(max_length=200, blank=True)  # why it was withheld or failed
    not_before = models.DateTimeField(null=True, blank=True)  # when the hours of contact open where the customer lives
    advanced_on = models.DateField(null=True, blank=True)  # when its invoices' climb was recorded
    # As it was sent: kept, so that anyone can read what the customer read.
    subject = models.CharField(max_length=300, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["customer", "-created_at"], name="message_customer"),
            models.Index(fields=["creditor", "as_of"], name="message_day"),
            models.Index(
                fields=["state"], condition=Q(state__in=["planned", "sending", "in_doubt"]), name="message_open"
            ),
            models.Index(fields=["id"], condition=Q(state="planned"), name="message_next"),  # who is claimed next
            models.Index(fields=["address"], condition=Q(state="planned"), name="message_together"),
            # The pages of what has not left yet: a filter is answered by the index alone.
            models.Index(
                fields=["creditor", "state", "id", "medium", "purpose"],
                condition=Q(state__in=["waiting", "planned", "in_doubt", "failed", "withheld"]),
                name="message_kept",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Release(models.Model):
    """A person's word about all messages that waited at a moment: they leave, or are held back."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    medium = models.CharField(max_length=10, blank=True)  # empty: of every medium
    purpose = models.CharField(max_length=40, blank=True)  # empty: of every text
    through = models.BigIntegerField()  # the newest message that it is about
    leave = models.BooleanField()
    at = models.DateTimeField()
    by = models.ForeignKey("core.User", on_delete=models.PROTECT)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["creditor"], condition=Q(done_at=None), name="release_open")]

    def __str__(self) -> str:
        return f"{self.creditor_id} {self.medium} {self.purpose} ≤ {self.through}"


class Delivery(models.Model):
    """One try to carry a message. Written, and committed, before the provider is called."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=40)
    try_number = models.PositiveSmallIntegerField(default=1)
    external_id = models.CharField(max_length=200, blank=True)  # Message-ID for e-mail
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, blank=True)  # '', accepted, refused, unavailable
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "try_number"], name="delivery_try_once")]
        indexes = [models.Index(fields=["external_id"], name="delivery_external")]

    def __str__(self) -> str:
        return f"{self.message_id}/{self.try_number}"


class Pace(models.Model):
    """When the next message may leave over an account that a provider limits (`account`: creditor and channel)."""

    account = models.CharField(max_length=60, unique=True)
    free_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.account} {self.free_at:%H:%M:%S.%f}"


class EventKind(models.TextChoices):
    QUEUED = "queued", _("Queued")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    OPENED = "opened", _("Opened")
    CLICKED = "clicked", _("Clicked")
    BOUNCED = "bounced", _("Bounced")
    COMPLAINED = "complained", _("Complained")
    REPLIED = "replied", _("Replied")
    FAILED = "failed", _("Failed")


class Event(models.Model):
    """What happened to a message, in normalised words; the raw event is kept."""

    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=200)
    message = models.ForeignKey(Message, null=True, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=12, choices=EventKind)
    at = models.DateTimeField()
    raw = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="event_once")]
        indexes = [BrinIndex(fields=["at"], name="event_at")]  # they come in the order of time

    def __str__(self) -> str:
        return f"{self.kind} {self.message_id}"


class Reply(models.Model):
    """What a customer wrote, as it came, with the intent proposed and the intent confirmed.

    `words`: without what is quoted or signed. `understood`: days, amounts, invoices and by what its customer was found.
    """

    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=200)
    creditor = models.ForeignKey(Creditor, null=True, on_delete=models.CASCADE)
    customer = models.ForeignKey(Customer, null=True, on_delete=models.CASCADE, related_name="replies")
    message = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL, related_name="replies")
    medium = models.CharField(max_length=10, choices=Medium)
    sender = models.CharField(max_length=320)
    recipient = models.CharField(max_length=320, blank=True)
    subject = models.CharField(max_length=300, blank=True)
    text = models.TextField()
    words = models.TextField(blank=True)
    files = models.JSONField(default=list)  # [{name, media_type, size, sha256 where the bytes are kept}]
    trouble = models.CharField(max_length=200, blank=True)  # what could not be read of it, as a sentence
    automatic = models.BooleanField(default=False)  # a machine answered: nobody waits
    at = models.DateTimeField()
    understood = models.JSONField(default=dict)
    intent = models.CharField(max_length=20, blank=True)
    confidence = models.FloatField(null=True)
    confirmed_intent = models.CharField(max_length=20, blank=True)
    confirmed_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="reply_once")]
        indexes = [
            models.Index(
                fields=["creditor", "-at"], condition=Q(confirmed_at__isnull=True, automatic=False), name="reply_unread"
            )
        ]

    def __str__(self) -> str:
        return self.text[:60]


class Mailbox(models.Model):
    """Where one stands in a creditor's mailbox; its address and password are sealed apart (port `mailbox`)."""

    creditor = models.OneToOneField(Creditor, on_delete=models.CASCADE, related_name="mailbox")
    since = models.DateField()  # e-mails that came before this day are left alone
    uid_validity = models.BigIntegerField(null=True, blank=True)
    last_uid = models.BigIntegerField(default=0)
    looked_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=300, blank=True)  # why it could not be read the last time

    def __str__(self) -> str:
        return f"{self.creditor} {self.last_uid}"


class OptOut(models.Model):
    """An address, or all addresses of a medium, that the customer no longer wishes to be written to."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="opt_outs")
    medium = models.CharField(max_length=10, choices=Medium)
    address = models.CharField(max_length=320, blank=True)  # empty: the medium as a whole
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    origin = models.CharField(max_length=60)  # one_click, reply, portal, desk:anna

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "medium", "address"], condition=Q(until__isnull=True), name="opt_out_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.medium} {self.address}"


class LetterBatch(models.Model):
    """Letters that are printed and posted together. `prints`: how often its file was taken; the second time is marked."""

    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    letters = models.PositiveIntegerField()
    pages = models.PositiveIntegerField()
    sheets = models.PositiveIntegerField()
    duplex = models.BooleanField(default=False)
    prints = models.PositiveSmallIntegerField(default=0)
    printed_at = models.DateTimeField(null=True, blank=True)
    posted_at = models.DateTimeField(null=True, blank=True)
    posted_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["creditor", "-made_at"], name="letter_batch_made")]

    def __str__(self) -> str:
        return f"{self.pk}"


class Letter(models.Model):
    """A letter in the tray of the house's printer, with everything that it says; in one batch at most.

    The channel lays it there by the message's key, as a carrier far away would know it: no key has two.
    """

    message = models.OneToOneField(
        Message, to_field="key", db_column="key", db_constraint=False, on_delete=models.CASCADE, related_name="letter"
    )
    data = models.JSONField()
    pages = models.PositiveSmallIntegerField()
    destination = models.CharField(max_length=40)  # the last line of the address: letters are sorted by it
    laid_at = models.DateTimeField()
    batch = models.ForeignKey(LetterBatch, null=True, blank=True, on_delete=models.PROTECT, related_name="items")
    place = models.PositiveIntegerField(null=True, blank=True)
    returned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "place"], name="letter_place_once")]

    def __str__(self) -> str:
        return f"L{self.pk}"


class Memo(models.Model):
    """An e-mail to a colleague, or to whoever is to become one (memo.py). Its key makes it one; its words go after 90 days."""

    key = models.CharField(max_length=120, unique=True)
    user = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="memos")
    address = models.CharField(max_length=320)
    name = models.CharField(max_length=150, blank=True)
    reply_to = models.CharField(max_length=320, blank=True)
    language = models.CharField(max_length=5)
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField()
    unsubscribe_url = models.CharField(max_length=500, blank=True)
    attached = models.JSONField(default=list, blank=True)  # [{name, sha256, size}]: PDFs kept by ledger/keep.py
    state = models.CharField(max_length=10, choices=MessageState, default=MessageState.PLANNED)
    verdict = models.CharField(max_length=200, blank=True)  # why it failed, or what is in doubt
    tries = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], condition=Q(state__in=["planned", "sending"]), name="memo_open"),
            models.Index(fields=["created_at"], condition=Q(state__in=["failed", "in_doubt"]), name="memo_stuck"),
        ]

    def __str__(self) -> str:
        return self.key
