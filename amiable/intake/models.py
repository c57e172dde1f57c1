"""Where claims come from, each file that came, and each row that could not be taken."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from amiable.ledger.models import Creditor, Invoice


class FileKind(models.TextChoices):
    MOVEMENTS = "movements", _("Movements")
    OPEN_ITEMS = "open_items", _("Open items")
    CONTACTS = "contacts", _("Contacts")
    FEC = "fec", _("Accounting entries (FEC)")
    COPIES = "copies", _("Invoice copies")


class Source(models.Model):
    """A place that files come from, with the reading that was found or corrected: it is remembered."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE, related_name="sources")
    key = models.CharField(max_length=60)
    kind = models.CharField(max_length=12, choices=FileKind)
    # How the file is read: {"delimiter", "encoding", "decimal", "date_order", "columns": {field: heading}}.
    mapping = models.JSONField(default=dict, blank=True)
    headings = models.JSONField(default=list, blank=True)  # by which a next file of this source is recognised
    # What a vanished open item means: "ask" a person, or "settle" by rule after so many days missing.
    vanished_rule = models.CharField(max_length=10, default="ask")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["creditor", "key"], name="source_once")]

    def __str__(self) -> str:
        return self.key


class Import(models.Model):
    """One file, loaded whole or not at all. The same file (digest) twice changes nothing."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="imports")
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    as_of = models.DateField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    figures = models.JSONField(default=dict)  # {"invoices", "customers", "entries", "quarantined", "unchanged", ...}
    by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        indexes = [models.Index(fields=["creditor", "sha256"], name="import_digest")]

    def __str__(self) -> str:
        return self.name


class QuarantinedRow(models.Model):
    """A row that could not be read or would contradict what is known: kept as it came, to be mended and tried again."""

    loaded_by = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="quarantined")
    line = models.PositiveIntegerField()
    column = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=300)
    raw = models.JSONField()  # {heading: text as it came}
    mended_at = models.DateTimeField(null=True, blank=True)
    mended_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)
    dropped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["loaded_by", "line"], name="quarantined_line"),
            models.Index(fields=["id"], condition=Q(mended_at=None, dropped_at=None), name="quarantined_open"),
        ]

    def __str__(self) -> str:
        return f"{self.line}: {self.reason}"


class Sighting(models.Model):
    """An open item that a source's snapshots showed, and the newest that did: seen before and not in the newest, it vanished."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="sightings")
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="sightings")
    seen_in = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="sightings")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "invoice"], name="sighting_once")]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.seen_in_id}"
