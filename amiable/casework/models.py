"""People at work: the episode of a customer being treated, what is to be done, what was said."""

from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from amiable.ledger.models import Account, Branch, Credit, Creditor, Customer, CustomerKind, Invoice, InvoiceKind

BY_WORTH = ("rank", F("gain").desc(), "due_on", "id")  # the order of what is to be done, of all kinds and of one


class Case(models.Model):
    """One episode: opens with the first step due, closes when nothing is overdue; the scenario version is pinned."""

    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="cases")
    currency = models.CharField(max_length=3)
    scenario_ref = models.BigIntegerField(null=True)  # the scenario version lives two floors above
    opened_on = models.DateField()
    closed_on = models.DateField(null=True, blank=True)
    closed_because = models.CharField(max_length=20, blank=True)  # paid, written_off, merged
    opened_overdue_minor = models.BigIntegerField(default=0)
    responsible = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "currency"], condition=Q(closed_on__isnull=True), name="case_one_open"
            )
        ]
        indexes = [models.Index(fields=["creditor", "opened_on"], name="case_opened")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.opened_on}"


class Responsibility(models.Model):
    """One row of who is the `role` of whom: empty fields fit everything, the narrowest row that fits counts.

    Acts on days with since ≤ day < until. The band is of what the work is about, in the creditor's own currency.
    """

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE, related_name="responsibilities")
    role = models.CharField(max_length=20)  # a role as scenarios name it: casework/entrust.py ROLES
    user = models.ForeignKey("core.User", on_delete=models.CASCADE, related_name="responsibilities")
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE)
    customer_kind = models.CharField(max_length=10, choices=CustomerKind, blank=True)
    invoice_kind = models.CharField(max_length=10, choices=InvoiceKind, blank=True)
    account = models.CharField(max_length=10, choices=Account, blank=True)
    from_minor = models.BigIntegerField(null=True, blank=True)
    below_minor = models.BigIntegerField(null=True, blank=True)
    since = models.DateField()
    until = models.DateField(null=True, blank=True)
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="responsibility_ends_later"
            ),
            models.CheckConstraint(
                condition=Q(from_minor__isnull=True) | Q(below_minor__isnull=True) | Q(below_minor__gt=F("from_minor")),
                name="responsibility_band",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.user_id}"


class HandOver(models.Model):
    """Everything of one colleague at a creditor is another's, on days with since ≤ day < until; without an end for good.

    Nothing is moved: taken back, it is as if it had not been.
    """

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE, related_name="hand_overs")
    absent = models.ForeignKey("core.User", on_delete=models.CASCADE, related_name="handed_over")
    stand_in = models.ForeignKey("core.User", on_delete=models.CASCADE, related_name="taken_over")
    since = models.DateField()
    until = models.DateField(null=True, blank=True)
    why = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    taken_back_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(absent=F("stand_in")), name="hand_over_to_another"),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("since")), name="hand_over_ends_later"
            ),
        ]
        indexes = [
            models.Index(fields=["stand_in"], condition=Q(taken_back_at__isnull=True), name="hand_over_stand_in")
        ]

    def __str__(self) -> str:
        return f"{self.absent_id} → {self.stand_in_id}"


class TaskKind(models.TextChoices):
    CALL = "call", _("Call")
    CONFIRM = "confirm", _("Confirm")  # a step that waits for a person's word
    MANUAL = "manual", _("By hand")  # a message that a person sends themselves
    REPLY = "reply", _("Answer")
    CHECK = "check", _("Check")  # 'says it is paid', vanished items, in doubt
    OTHER = "other", _("To do")


class Task(models.Model):
    """Something for a person to do about a customer."""

    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="tasks")
    case = models.ForeignKey(Case, null=True, blank=True, on_delete=models.SET_NULL, related_name="tasks")
    kind = models.CharField(max_length=10, choices=TaskKind)
    key = models.CharField(max_length=120, unique=True)  # who asked for it: the same wish twice is one task
    title = models.CharField(max_length=200)
    context = models.JSONField(default=dict, blank=True)
    due_on = models.DateField()
    assignee = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="tasks")
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    outcome = models.CharField(max_length=20, blank=True)  # promise, paid, dispute, call_back, voicemail, ...
    created_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True, blank=True)  # the time agreed with the customer, on its day
    # Who has it in hand, since when, and until when it is theirs where they say nothing more (take.py).
    taken_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    taken_at = models.DateTimeField(null=True, blank=True)
    taken_until = models.DateTimeField(null=True, blank=True)
    # What the list is ordered and narrowed by, as of the last weighing (portfolio/weigh.py): 9 where nobody waits, the gain
    # expected per minute, and the customer's money as it was then. What a page shows of money is read anew.
    rank = models.PositiveSmallIntegerField(default=9, db_default=9)
    gain = models.FloatField(default=0, db_default=0)
    owed_minor = models.BigIntegerField(default=0, db_default=0)
    oldest_due_on = models.DateField(null=True, blank=True)
    segment = models.CharField(max_length=40, blank=True, default="", db_default="")

    class Meta:
        indexes = [
            models.Index(fields=["creditor", "due_on"], condition=Q(done_at__isnull=True), name="task_open"),
            models.Index(*BY_WORTH, condition=Q(done_at__isnull=True), name="task_worth"),
            models.Index("kind", *BY_WORTH, condition=Q(done_at__isnull=True), name="task_kind_worth"),
            models.Index(fields=["done_by", "done_at"], condition=Q(done_by__isnull=False), name="task_done_by"),
            models.Index(fields=["taken_until"], condition=Q(done_at__isnull=True), name="task_taken"),
            models.Index(
                fields=["kind", "done_at"],
                condition=Q(done_at__isnull=False, taken_at__isnull=False),
                name="task_timed",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class TaskMove(models.Model):
    """One time that a task was put off, handed on or shown to colleagues: what it was before and after, and why."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="moves")
    act = models.CharField(max_length=10)  # snooze, assign, share
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    words = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey("core.User", null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()
    batch = models.CharField(max_length=40)  # what was moved by one click is undone by one click
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "task"], name="task_move_once")]

    def __str__(self) -> str:
        return f"{self.act} {self.task_id}"


class Pace(models.Model):
    """The minutes that a kind of task takes: measured where enough were done, else as declared (casework/pace.py)."""

    kind = models.CharField(max_length=10, choices=TaskKind, unique=True)
    minutes = models.FloatField()
    measured = models.IntegerField(default=0)  # of how many tasks; 0: declared
    as_of = models.DateField()

    def __str__(self) -> str:
        return f"{self.kind} {self.minutes:.1f}"


class View(models.Model):
    """The filters of a list under a name: one person's, or shared with those who work for the same creditors."""

    owner = models.ForeignKey("core.User", on_delete=models.CASCADE, related_name="views")
    room = models.CharField(max_length=20)  # of which list: todo, customers
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000)  # as it stands in the address
    shared = models.BooleanField(default=False)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "room", "name"], name="view_name_once")]

    def __str__(self) -> str:
        return self.name


class FirstView(models.Model):
    """The view with which a person's list opens."""

    user = models.ForeignKey("core.User", on_delete=models.CASCADE, related_name="first_views")
    room = models.CharField(max_length=20)
    view = models.ForeignKey(View, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "room"], name="first_view_once")]

    def __str__(self) -> str:
        return f"{self.room} {self.view_id}"


class DisputeReason(models.TextChoices):
    AMOUNT = "amount", _("Wrong amount")
    NOT_RECEIVED = "not_received", _("Not delivered or not done")
    QUALITY = "quality", _("Not as agreed")
    NOT_MINE = "not_mine", _("Not for me")
    CREDIT_EXPECTED = "credit_expected", _("Credit note expected")
    OTHER = "other", _("Other")


class Dispute(models.Model):
    """An invoice, or a part of it, that the customer contests. Open until resolved; its hold stands in the ledger."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="disputes")
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="disputes")
    reason = models.CharField(max_length=20, choices=DisputeReason)
    words = models.TextField(blank=True)
    disputed_minor = models.BigIntegerField(null=True, blank=True)
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    owner = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="disputes")
    resolved_at = models.DateTimeField(null=True, blank=True)
    # Empty `resolved_by`: nobody decided, the invoice was paid.
    resolved_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    resolution = models.CharField(max_length=12, blank=True)  # accepted, refused, settled, withdrawn
    answer = models.TextField(blank=True, default="", db_default="")  # what the customer is told about it
    due_on = models.DateField(null=True, blank=True)  # by when it is to be answered
    # What is done about it, in order: [{"key" or "text", "done_at", "by"}]; frozen when the dispute opens.
    steps = models.JSONField(default=list, blank=True)
    # The credit note that was promised, and the one that came; its coming ends the dispute.
    expected_minor = models.BigIntegerField(null=True, blank=True)
    credit = models.ForeignKey(Credit, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invoice"], condition=Q(resolved_at__isnull=True), name="dispute_one_open"),
            models.CheckConstraint(
                condition=Q(expected_minor__isnull=True) | Q(expected_minor__gt=0),
                name="dispute_expects_more_than_nothing",
            ),
        ]
        indexes = [
            models.Index(fields=["due_on"], condition=Q(resolved_at__isnull=True), name="dispute_open_due"),
            models.Index(
                fields=["customer"],
                condition=Q(resolved_at__isnull=True, expected_minor__isnull=False),
                name="dispute_credit_expected",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.reason}"


class Note(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="notes")
    text = models.TextField()
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["customer", "-at"], name="note_customer")]

    def __str__(self) -> str:
        return self.text[:60]


class NoteFile(models.Model):
    """What was attached to a note: kept as a file, found by its digest, and only ever saved, never opened here."""

    note = models.ForeignKey(Note, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.name


class Escalation(models.Model):
    """A rule of the creditor's that spoke about a case, a task or a dispute: once each. What it said is kept."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="escalations")
    rule = models.CharField(max_length=40)
    subject = models.CharField(max_length=60)  # case:12, task:7, dispute:3
    role = models.CharField(max_length=20)
    does = models.CharField(max_length=10)  # task, tell, word
    told = models.JSONField(default=dict)  # the rule as it was, and what was measured
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["creditor", "rule", "subject"], name="escalation_once")]
        indexes = [models.Index(fields=["customer", "-at"], name="escalation_customer")]

    def __str__(self) -> str:
        return f"{self.rule} {self.subject}"


class Word(models.Model):
    """A colleague is asked for a word about a customer, by an e-mail that they answer without an account: once."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="words")
    user = models.ForeignKey("core.User", on_delete=models.CASCADE, related_name="words")
    key = models.CharField(max_length=120, unique=True)  # who asked for it: the same wish twice is one
    question = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)  # when its e-mail was ordered
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=12, blank=True)  # promise, dispute, call, hold, words
    told = models.JSONField(default=dict, blank=True)  # what was filled in

    class Meta:
        indexes = [
            models.Index(fields=["customer", "-asked_at"], name="word_customer"),
            models.Index(fields=["id"], condition=Q(sent_at__isnull=True), name="word_to_send"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.customer_id}"


class NotificationKind(models.TextChoices):
    """What a line is about. Each person says per kind how it reaches them beside the desk."""

    MENTION = "mention", _("You are named in a note")
    TASK = "task", _("A task is handed to you or shared with you")
    ESCALATION = "escalation", _("Work is passed up to you")
    WORD = "word", _("A colleague is asked for a word, or gives it")
    REPLY = "reply", _("A customer answers")
    DISPUTE = "dispute", _("A dispute waits for you")
    PROMISE = "promise", _("A promise that you took is not kept")
    PLAN = "plan", _("A payment plan that you made is late or broken")
    RETURNED = "returned", _("A payment is taken back")
    SURVEY = "survey", _("A customer is not content with us")
    OTHER = "other", _("Anything else")


class Notification(models.Model):
    """A line for a colleague (made by notify.py); the day carries it on by e-mail where they wish so."""

    user = models.ForeignKey("core.User", on_delete=models.CASCADE, related_name="notifications")
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.CASCADE)
    kind = models.CharField(max_length=12, choices=NotificationKind, default=NotificationKind.OTHER)
    text = models.CharField(max_length=300)
    key = models.CharField(max_length=120)
    url = models.CharField(max_length=200, blank=True, default="", db_default="")  # empty: the customer's page
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)  # when an e-mail took it along

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="notification_once")]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="notification_newest"),
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="notification_unread"),
            models.Index(fields=["created_at"], condition=Q(sent_at__isnull=True), name="notification_unsent"),
        ]

    def __str__(self) -> str:
        return self.text


class Way(models.TextChoices):
    AT_ONCE = "at_once", _("by e-mail at once")
    DIGEST = "digest", _("in the daily list")
    NEVER = "never", _("in the desk only")


class NotificationWish(models.Model):
    """How a colleague wishes to hear of a kind of line, or of a digest ("daily", "weekly"), where not as usual."""

    user = models.ForeignKey("core.User", on_delete=models.CASCADE, related_name="notification_wishes")
    kind = models.CharField(max_length=12)
    way = models.CharField(max_length=8, choices=Way)
    since = models.DateTimeField()
    origin = models.CharField(max_length=12)  # account, one_click

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind"], name="notification_wish_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.kind} {self.way}"


class SurveyAfter(models.TextChoices):
    """What had ended when a customer was asked how it went."""

    CALL = "call", _("Call")
    MAIL = "mail", _("Exchange of messages")
    PAYMENT = "payment", _("Payment")
    PLAN = "plan", _("Payment plan")
    DISPUTE = "dispute", _("Dispute")
    VISIT = "visit", _("Visit of the portal")


def _range(column: str, words: str, field: "models.Field[Any, Any]") -> models.Func:
    return models.Func(column, template=words.format("%(expressions)s"), output_field=field)


class SurveyAsk(models.Model):
    """A customer is asked how it went. No two of the same customer lie less than 90 days apart: the database sees to it.

    `step`: of the scenario, the last one before what ended. `medium`: email, sms, portal; empty: told by somebody else.
    `void_since`: since when it keeps nobody from being asked: it reached nobody, or a later one of a merged record counts.
    """

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="surveys")
    after = models.CharField(max_length=10, choices=SurveyAfter)
    subject_ref = models.CharField(max_length=60)  # task:7, reply:3, credit:12, plan:4, dispute:9
    step = models.CharField(max_length=40, blank=True, default="")
    medium = models.CharField(max_length=10, blank=True, default="")
    # One person may look after several customers. Kept as long as it matters: survey.forget().
    address = models.CharField(max_length=320, blank=True, default="")
    asked_on = models.DateField()  # where the creditor is at home
    asked_at = models.DateTimeField()
    void_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            ExclusionConstraint(  # ranges of one number each, so that no extension of the database is needed
                name="survey_once_in_90_days", condition=Q(void_since=None),
                expressions=[(_range("customer", "int8range({0}, {0}, '[]')", BigIntegerRangeField()), RangeOperators.OVERLAPS),
                             (_range("asked_on", "daterange({0}, {0} + 90)", DateRangeField()), RangeOperators.OVERLAPS)],
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["address", "asked_on"], condition=~Q(address=""), name="survey_address")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.subject_ref}"


class SurveyAnswer(models.Model):
    """What the customer thought: how content (`score`) and how likely to recommend the creditor, each from 0 to 10."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="survey_answers")
    ask = models.OneToOneField(SurveyAsk, on_delete=models.CASCADE, related_name="answer")
    score = models.PositiveSmallIntegerField()
    recommend = models.PositiveSmallIntegerField(null=True, blank=True)  # the second question, where it was answered
    words = models.TextField(blank=True)
    answered_at = models.DateTimeField()  # the last time: within some days an answer may be changed

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(score__lte=10), name="survey_score_to_10"),
            models.CheckConstraint(condition=Q(recommend__isnull=True) | Q(recommend__lte=10), name="survey_recommend_to_10"),
        ]  # fmt: skip
        indexes = [models.Index(fields=["-answered_at"], name="survey_answered")]

    def __str__(self) -> str:
        return f"{self.score}/10"


class Placement(models.Model):
    """A case, or those of its invoices on which its holds stand (casework/place.py), with an outside agency, and taken back."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="placements")
    agency = models.CharField(max_length=120)
    placed_at = models.DateTimeField()
    placed_by = models.ForeignKey("core.User", null=True, on_delete=models.SET_NULL)
    until = models.DateField(null=True, blank=True)  # the day on which it comes back by itself
    decision_ref = models.BigIntegerField(null=True, blank=True, unique=True)  # the step that it carries out
    recalled_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(
            fields=["case"], condition=Q(recalled_at__isnull=True, decision_ref__isnull=True), name="placement_one_open"
        )]  # fmt: skip

    def __str__(self) -> str:
        return self.agency
