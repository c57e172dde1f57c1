"""Money that a colleague takes, gives back, adds, gives up or sells."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.ledger import factor, post, waive
from amiable.ledger.choose import claims_costs
from amiable.ledger.models import EntryKind, Sale
from amiable.payments import acquire, keypad, refund
from amiable.payments.attempt import open_attempt
from amiable.payments.models import Attempt, Journey
from amiable.payments.providers.twilio_pay import TwilioPay
from amiable.web.desk import forms, money_forms, standing_orders
from amiable.web.desk.deed import About, Act, Done, Group, Undoing, with_open

MOST_BACK = 500  # sales whose numbers still fit into what takes them back


def _take(act: Done) -> None:
    """Opens the payment; the card is asked for on the next page, in the provider's own fields."""
    tried = _opened(act, Journey.AGENT, acquire.in_use(act.customer.creditor))
    act.leads_to.append(reverse("desk:phone", args=[tried.token]))


def _opened(act: Done, journey: Journey, provider: str) -> Attempt:
    """The try to pay that the form speaks of."""
    tried = open_attempt(
        customer=act.customer,
        amount_minor=act.said["amount_minor"],
        currency=act.said["currency"],
        invoices=[int(pk) for pk in act.said["invoices"]],
        journey=journey,
        provider=provider,
        by=act.by,
        now=act.now,
    )
    act.made.append(tried)
    return tried


def _takes(about: About) -> bool:
    """Whether a card can be taken on the phone for this creditor."""
    acquirer = acquire.ready(about.customer.creditor)
    return about.anything_open and acquirer is not None and acquirer.can("moto")


def _by_keypad(act: Done) -> None:
    """Opens the payment and gives the code that leads a call to it; the page follows what is typed."""
    tried = _opened(act, Journey.IVR_AGENT, TwilioPay.key)
    keypad.give_code(attempt=tried, now=act.now)
    act.leads_to.append(reverse("desk:keypad", args=[tried.token]))


def _takes_keys(about: About) -> bool:
    """Whether the creditor has a payment line on which a card can be typed."""
    if not about.anything_open:
        return False
    if about.keypad is None:
        return TwilioPay.key in acquire.kept_keys(about.customer.creditor)
    return about.keypad


def _refund(act: Done) -> None:
    refund.ask_back(
        attempt=act.said["attempt"],
        amount_minor=act.said["amount_minor"],
        key=act.said["token"],
        now=act.now,
        by=act.by,
    )


def _was_paid(about: About) -> bool:
    return money_forms.refundable(about.customer).exists() if about.paid is None else about.paid


def _waive(act: Done) -> None:
    row = waive.waive(
        customer=act.customer,
        invoice=act.form.one(),
        kind=act.said["kind"],
        since=act.as_of if act.said["reach"] == "from_now" else None,
        source_ref=f"desk:{act.said['token']}",
        reason=act.said["reason"],
        as_of=act.as_of,
        now=act.now,
        by=act.by,
    )
    act.made.append(row)


def _charge(act: Done) -> None:
    invoice = act.form.one()
    assert invoice is not None
    if not claims_costs(act.customer, as_of=act.as_of):
        raise post.UnableToPost(
            _("Costs are not claimed of these customers: the law or the creditor’s choice says so.")
        )
    entry = post.charge(
        invoice=invoice, kind=EntryKind.FEE, amount_minor=act.said["amount_minor"], reason=act.said["reason"], as_of=act.as_of,
        now=act.now, by=act.by,
    )  # fmt: skip
    act.made.append(entry)


def _write_off(act: Done) -> None:
    invoice = act.form.one()
    assert invoice is not None
    entry = post.write_off(
        invoice=invoice,
        amount_minor=act.said["amount_minor"],
        reason=act.said["reason"],
        as_of=act.as_of,
        now=act.now,
        by=act.by,
    )
    act.made.append(entry)


def _sell(act: Done) -> None:
    made = factor.sell(
        customer=act.customer, since=act.said["since"], invoices=[int(pk) for pk in act.said["invoices"]], now=act.now,
        by=act.by,
    )  # fmt: skip
    _sales(act, made, _("All of this is sold already."))


def _unsell(undoing: Undoing) -> None:
    factor.unsell(customer=undoing.customer, sales=undoing.words["sales"])


def _buy_back(act: Done) -> None:
    ended = factor.buy_back(
        customer=act.customer, on=act.as_of, invoices=[int(pk) for pk in act.said["invoices"]], now=act.now, by=act.by
    )
    _sales(act, ended, _("Nothing of this customer is sold."))


def _resume(undoing: Undoing) -> None:
    factor.resume(customer=undoing.customer, sales=undoing.words["sales"])


def _sales(act: Done, rows: list[Sale], none: str) -> None:
    if not rows:
        raise factor.UnableToSell(none)
    act.made.extend(rows)
    if len(rows) <= MOST_BACK:
        act.back["sales"] = [row.pk for row in rows]


def _sellable(about: About) -> bool:
    return not about.sold_whole and factor.factor_of(about.customer.creditor) is not None


def _is_sold(about: About) -> bool:
    return about.sold


ACTS: dict[str, Act] = {
    "take": Act(
        gettext_lazy("Take a payment"),
        gettext_lazy("Go on to the card"),
        gettext_lazy("Ask for the card now, and type it into the provider's fields."),
        "take",
        money_forms.TakeForm,
        _take,
        "credit-card",
        "k",
        gettext_lazy(
            "For a customer on the phone. The card goes straight to the payment provider; nobody here sees it."
        ),
        goes_on=True,
        group=Group.MONEY,
        needs=_takes,
        near=True,
        short=gettext_lazy("Take money"),
    ),
    "keypad": Act(
        gettext_lazy("Payment on the customer’s keys"),
        gettext_lazy("Give the code"),
        gettext_lazy("Transfer the call to the payment line, and type the code there."),
        "take",
        money_forms.TakeForm,
        _by_keypad,
        "keyboard",
        "",
        gettext_lazy(
            "The customer types the card on their own telephone; you see how far they are, and can take the call back."
        ),
        goes_on=True,
        group=Group.MONEY,
        needs=_takes_keys,
    ),
    "refund": Act(
        gettext_lazy("Give a payment back"),
        gettext_lazy("Give it back"),
        gettext_lazy(
            "The provider has been asked; the invoices open again as soon as it says that the money has left."
        ),
        "refund",
        money_forms.RefundForm,
        _refund,
        "arrow-back-up",
        group=Group.MONEY,
        needs=_was_paid,
    ),
    "write_off": Act(
        gettext_lazy("Write off"),
        gettext_lazy("Write off for good"),
        gettext_lazy("Written off."),
        "write_off",
        forms.WriteOffForm,
        _write_off,
        "trash",
        group=Group.MONEY,
        needs=with_open,
    ),
    "waive": Act(
        gettext_lazy("Waive interest or indemnity"),
        gettext_lazy("Waive it"),
        gettext_lazy("Waived. What had been added is taken back by a new entry."),
        "write_off",
        forms.WaiveForm,
        _waive,
        "heart-handshake",
        explains=gettext_lazy("It is kept with your name and reason, and the customer is asked for it no more."),
    ),
    "charge": Act(
        gettext_lazy("Add costs"),
        gettext_lazy("Add them"),
        gettext_lazy("The costs are added to what is owed."),
        "write_off",
        forms.ChargeForm,
        _charge,
        "receipt",
        explains=gettext_lazy("Only costs that you can prove: the invoice of a bailiff, of a bank, of a postage."),
    ),
    "sell": Act(
        gettext_lazy("Sell to the factor"),
        gettext_lazy("Sell"),
        gettext_lazy("Sold. From the day on the factor is to be paid."),
        "sell",
        money_forms.SellForm,
        _sell,
        "building-bank",
        explains=gettext_lazy(
            "The customer owes the same. Statements, letters, messages and their page name the factor and its account."
        ),
        group=Group.MONEY,
        needs=_sellable,
        undo=_unsell,
    ),
    "buy_back": Act(
        gettext_lazy("Buy back from the factor"),
        gettext_lazy("Buy back"),
        gettext_lazy("Bought back. From today you are to be paid again."),
        "sell",
        money_forms.BuyBackForm,
        _buy_back,
        "building-bank",
        explains=gettext_lazy(
            "From today statements, letters, messages and the customer’s page name your own account."
        ),
        group=Group.MONEY,
        needs=_is_sold,
        undo=_resume,
    ),
    "standing_end": standing_orders.ACT,
}
