"""By the clock: asks for one tune more, and forgets the old ones."""

import os
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from club import tunes
from club.models import Encore, Tune


class Command(BaseCommand):
    help = "Asks for an encore and forgets tunes played over an hour ago."

    def handle(self, *args: Any, **options: Any) -> None:
        Encore.objects.create(process=os.getpid())
        tune = tunes.ask()
        gone, _ = Tune.objects.filter(played__lt=timezone.now() - timedelta(hours=1)).delete()
        self.stdout.write(f"encore: {tune.title}; {gone} old tunes forgotten")
