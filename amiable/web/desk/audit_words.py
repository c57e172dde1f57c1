"""What the trail's acts and subjects are called for people: a thing, and what was done to it."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

THINGS: Mapping[str, Promise] = {
    "allocation": pgettext_lazy("audit", "allocation"),
    "audit": pgettext_lazy("audit", "audit trail"),
    "campaign": pgettext_lazy("audit", "campaign"),
    "channel": pgettext_lazy("audit", "channel"),
    "charges": pgettext_lazy("audit", "charges"),
    "contact": pgettext_lazy("audit", "contact"),
    "credit": pgettext_lazy("audit", "credit"),
    "case": pgettext_lazy("audit", "case"),
    "creditor": pgettext_lazy("audit", "creditor"),
    "customer": pgettext_lazy("audit", "customer"),
    "desk": pgettext_lazy("audit", "desk"),
    "experiment": pgettext_lazy("audit", "experiment"),
    "hold": pgettext_lazy("audit", "hold"),
    "invoice": pgettext_lazy("audit", "invoice"),
    "invoices": pgettext_lazy("audit", "invoices"),
    "letter": pgettext_lazy("audit", "letter"),
    "mailbox": pgettext_lazy("audit", "mailbox"),
    "mandate": pgettext_lazy("audit", "mandate"),
    "message": pgettext_lazy("audit", "message"),
    "page": pgettext_lazy("audit", "page"),
    "payment": pgettext_lazy("audit", "payment"),
    "plan": pgettext_lazy("audit", "plan"),
    "portal": pgettext_lazy("audit", "portal"),
    "quarantined_row": pgettext_lazy("audit", "quarantined row"),
    "refund": pgettext_lazy("audit", "refund"),
    "reply": pgettext_lazy("audit", "answer"),
    "row": pgettext_lazy("audit", "quarantined row"),
    "scenario": pgettext_lazy("audit", "scenario"),
    "scope": pgettext_lazy("audit", "role"),
    "segment_set": pgettext_lazy("audit", "segments"),
    "statement": pgettext_lazy("audit", "bank statement"),
    "survey": pgettext_lazy("audit", "survey"),
    "step": pgettext_lazy("audit", "step"),
    "task": pgettext_lazy("audit", "task"),
    "template": pgettext_lazy("audit", "text"),
    "text": pgettext_lazy("audit", "text"),
    "user": pgettext_lazy("audit", "account"),
    "view": pgettext_lazy("audit", "view"),
}
DONE: Mapping[str, Promise] = {
    "accepted": pgettext_lazy("audit", "accepted"),
    "approved": pgettext_lazy("audit", "approved"),
    "arrived": pgettext_lazy("audit", "arrived"),
    "asked": pgettext_lazy("audit", "asked"),
    "booked": pgettext_lazy("audit", "booked"),
    "changed": pgettext_lazy("audit", "changed"),
    "claimed": pgettext_lazy("audit", "claimed"),
    "closed": pgettext_lazy("audit", "closed"),
    "confirmed": pgettext_lazy("audit", "confirmed"),
    "declined": pgettext_lazy("audit", "declined"),
    "done": pgettext_lazy("audit", "done"),
    "doubtful": pgettext_lazy("audit", "doubtful"),
    "dropped": pgettext_lazy("audit", "dropped"),
    "email_changed": pgettext_lazy("audit", "e-mail address changed"),
    "ended": pgettext_lazy("audit", "ended"),
    "entered": pgettext_lazy("audit", "log-in"),
    "exported": pgettext_lazy("audit", "exported"),
    "given": pgettext_lazy("audit", "given"),
    "given_up": pgettext_lazy("audit", "given up"),
    "handed_over": pgettext_lazy("audit", "handed over"),
    "heard": pgettext_lazy("audit", "received"),
    "invitation_withdrawn": pgettext_lazy("audit", "invitation withdrawn"),
    "invited": pgettext_lazy("audit", "invited"),
    "joined": pgettext_lazy("audit", "joined"),
    "kept": pgettext_lazy("audit", "kept"),
    "link_used": pgettext_lazy("audit", "link used"),
    "merged": pgettext_lazy("audit", "merged"),
    "opted_in": pgettext_lazy("audit", "contact allowed"),
    "opted_out": pgettext_lazy("audit", "contact refused"),
    "password_changed": pgettext_lazy("audit", "password changed"),
    "password_reset": pgettext_lazy("audit", "password set anew"),
    "password_set": pgettext_lazy("audit", "password set"),
    "recovery_codes_generated": pgettext_lazy("audit", "recovery codes made"),
    "refused": pgettext_lazy("audit", "refused"),
    "reopened": pgettext_lazy("audit", "reopened"),
    "retired": pgettext_lazy("audit", "retired"),
    "retried": pgettext_lazy("audit", "retried"),
    "returned": pgettext_lazy("audit", "returned"),
    "reversed": pgettext_lazy("audit", "reversed"),
    "sent_out": pgettext_lazy("audit", "sessions ended"),
    "session_ended": pgettext_lazy("audit", "session ended"),
    "settled": pgettext_lazy("audit", "settled"),
    "shared": pgettext_lazy("audit", "shared"),
    "taken_back": pgettext_lazy("audit", "taken back"),
    "taken": pgettext_lazy("audit", "taken"),
    "taken_out": pgettext_lazy("audit", "taken out"),
    "totp_activated": pgettext_lazy("audit", "app added as second factor"),
    "totp_deactivated": pgettext_lazy("audit", "app removed as second factor"),
    "tried": pgettext_lazy("audit", "tried"),
    "viewed": pgettext_lazy("audit", "viewed"),
    "waived": pgettext_lazy("audit", "waived"),
    "wanted": pgettext_lazy("audit", "wanted"),
    "webauthn_added": pgettext_lazy("audit", "passkey added"),
    "webauthn_removed": pgettext_lazy("audit", "passkey removed"),
    "withdrawn": pgettext_lazy("audit", "no longer shared"),
    "written": pgettext_lazy("audit", "written"),
    "written_off": pgettext_lazy("audit", "written off"),
}


# What the desk calls its places; a look at one of them is told by its address's name.
PLACES: Mapping[str, Promise] = {
    "home": gettext_lazy("To do"),
    "inbox": gettext_lazy("Answers"),
    "money": gettext_lazy("Matching"),
    "customers": gettext_lazy("Customers"),
    "disputes": pgettext_lazy("page", "Disputes"),
    "figures": gettext_lazy("Figures"),
    "board": gettext_lazy("Figures"),
    "board_file": gettext_lazy("Figures as a file"),
    "list_file": gettext_lazy("List as a file"),
    "report": gettext_lazy("Report"),
    "reports": gettext_lazy("Reports sent"),
    "plans": gettext_lazy("Plans"),
    "campaigns": gettext_lazy("Campaigns"),
    "letters": gettext_lazy("Letters"),
    "payments": gettext_lazy("Payments"),
    "placements": gettext_lazy("With agencies"),
    "statements": gettext_lazy("Bank"),
    "quarantine": gettext_lazy("Quarantine"),
    "person": gettext_lazy("Colleagues"),
    "simulate": gettext_lazy("Simulation"),
}


def act(key: str) -> str:
    """`hold.placed` in words; what is not named here is read as it stands."""
    thing, _dot, done = key.partition(".")
    said = _("%(thing)s: %(done)s") % {"thing": subject(thing), "done": DONE.get(done, done.replace("_", " "))}
    return said[:1].upper() + said[1:]


def subject(key: str) -> str:
    return str(THINGS.get(key) or PLACES.get(key) or key.replace("_", " "))
