from django.apps import AppConfig


class PortfolioConfig(AppConfig):
    name = "amiable.portfolio"
    label = "portfolio"
