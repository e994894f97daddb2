import os

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from club import redis, tunes
from club.models import Encore, Tune, Visit


def page(request: HttpRequest) -> HttpResponse:
    """The whole page; a visit is counted and a tune is asked for."""
    Visit.objects.create()
    tunes.ask()
    return render(request, "club/page.html", house())


def now(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes."""
    return render(request, "club/now.html", house())


def house() -> dict[str, object]:
    return {
        "visits": Visit.objects.count(),
        "looks": redis.increment("looks"),
        "pid": os.getpid(),
        "playing": Tune.objects.filter(played=None).exclude(player=None).order_by("id"),
        "waiting": Tune.objects.filter(player=None).count(),
        "last": Tune.objects.exclude(played=None).order_by("-played").first(),
        "encore": Encore.objects.order_by("-at").first(),
    }
