from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "amiable.payments"
    label = "payments"
