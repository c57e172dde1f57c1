"""People, addresses and what the creditor declares of its customers."""

import pytest

from amiable.core.models import User
from amiable.intake.models import QuarantinedRow
from amiable.ledger.models import Branch, Contact, ContactPoint, Customer
from tests.intake.files import make_creditor, put, take

pytestmark = pytest.mark.django_db

TEXT = (
    "Code client;Raison sociale;Type client;SIREN;Contact;Fonction;E-mail;Téléphone;Portable;Langue;Adresse;CP;"
    "Ville;Commercial;Agence;Conditions de règlement;Mode de règlement;CA;Grand compte;Maison mère;Canal préféré\n"
    "C1;Dupont SARL;Entreprise;732 829 320;Anne Roy;Comptabilité;Anne.Roy@Example.org;01 42 68 53 00;06 12 34 56 78;"
    "Français;1 rue de la Paix;75002;"
    "Paris;boris;Lyon;45 jours fin de mois;Virement;1 200 000,50;oui;;Email\n"
    "C2;Emil Martin;Particulier;;;;emil@example.org;;;;;;"
    ";;;;;;;C1;\n"
    "C1;Dupont SARL;;;Karim B.;Direction;karim@example.org;+44 20 7946 0958;;en;;;"
    ";;;;;;;;\n"
)


def test_customers_people_and_addresses(tmp_path):
    creditor = make_creditor()
    User.objects.create(username="boris", email="boris@acme.test")
    summary = take(creditor, put(tmp_path, TEXT))
    assert (summary.kind, summary.customers, summary.quarantined) == ("contacts", 2, 0)
    one = Customer.objects.get(number="C1")
    assert (one.name, one.kind, one.siren, one.city) == ("Dupont SARL", "business", "732829320", "Paris")
    assert (one.terms_days, one.terms_end_of_month, one.payment_method) == (45, True, "transfer")
    assert (one.turnover_minor, one.key_account, one.salesperson.username) == (120000050, True, "boris")
    assert one.branch == Branch.objects.get(code="Lyon")
    two = Customer.objects.get(number="C2")
    assert (two.kind, two.parent) == ("consumer", one)
    anne = Contact.objects.get(name="Anne Roy")
    assert (anne.role, anne.language, anne.preferences) == ("accounts", "fr", {"channel": "email"})
    points = set(anne.points.values_list("medium", "value"))
    assert {
        ("email", "anne.roy@example.org"),
        ("call", "+33142685300"),
        ("sms", "+33612345678"),
        ("call", "+33612345678"),
    } <= points
    assert ("letter", "Dupont SARL\n1 rue de la Paix\n75002 Paris") in points
    assert Contact.objects.get(name="Karim B.").role == "manager"
    assert ContactPoint.objects.filter(contact__customer=two, value="emil@example.org").exists()


def test_twice_is_once_and_silence_keeps_what_is_known(tmp_path):
    creditor = make_creditor()
    User.objects.create(username="boris")
    take(creditor, put(tmp_path, TEXT))
    counts = [model.objects.count() for model in (Customer, Contact, ContactPoint)]
    again = take(creditor, put(tmp_path, TEXT + "\n\n"))
    assert [model.objects.count() for model in (Customer, Contact, ContactPoint)] == counts
    assert (again.updated, again.unchanged) == (0, 3)
    take(creditor, put(tmp_path, "Code client;Nom;Ville\nC1;Dupont SAS;\nC2;;Lille\n"))
    assert Customer.objects.get(number="C1").city == "Paris"
    assert Customer.objects.get(number="C1").name == "Dupont SAS"
    assert Customer.objects.get(number="C2").city == "Lille"


@pytest.mark.parametrize(
    ("was", "wrong", "column"),
    [
        ("emil@example.org", "emil@", "E-mail"),
        ("732 829 320", "732 829 321", "SIREN"),
        ("01 42 68 53 00", "0142", "Téléphone"),
        ("boris", "nobody", "Commercial"),
        (";;C1;\n", ";;C7;\n", "Maison mère"),
    ],
)
def test_wrong_values_are_quarantined_with_their_column(tmp_path, was, wrong, column):
    creditor = make_creditor()
    User.objects.create(username="boris")
    assert was in TEXT
    take(creditor, put(tmp_path, TEXT.replace(was, wrong, 1)))
    row = QuarantinedRow.objects.get()
    assert row.column == column
    assert row.reason
