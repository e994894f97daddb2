"""What the band can play, and how a tune is asked for and taken."""

import random

from club.models import Tune

TITLES = ["Minor Swing", "Nuages", "Djangology", "Daphne", "Belleville", "Swing 42", "Manoir de mes rêves", "Tears"]


def ask() -> Tune:
    return Tune.objects.create(title=random.choice(TITLES))


def take(player: int) -> Tune | None:
    """The oldest tune that nobody plays, now taken by this player; two players never get the same."""
    while tune := Tune.objects.filter(player=None).order_by("id").first():
        if Tune.objects.filter(id=tune.id, player=None).update(player=player):
            return tune
    return None
