"""The invented customers as people who live (scenario/live.py), with the numbers of scenario/behaviour.yaml."""

from amiable.demo.world import World
from amiable.scenario.behaviour import KINDS, Parameters
from amiable.scenario.live import Bills, Crowd


def crowd(world: World, numbers: Parameters, *, seed: int) -> Crowd:
    """The people of an invented world."""
    people, invoices = world.customers, world.invoices
    bills = Bills(
        start=world.start,
        kind=(people["kind"] == KINDS[1]).to_numpy().astype(int),
        customer=invoices["customer"].to_numpy(),
        issued=invoices["issued"].to_numpy(),
        due=invoices["due"].to_numpy(),
        amount=invoices["amount_minor"].to_numpy(),
    )
    return Crowd(bills, numbers, seed=seed)
