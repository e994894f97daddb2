"""A worker: plays what was asked for, tune after tune."""

import os
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from club import tunes

LENGTH = 3.0  # seconds; tunes are short here
PAUSE = 0.5


class Command(BaseCommand):
    help = "Plays the tunes that visitors ask for, until it is told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        last_call = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: last_call.set())
        self.stdout.write("tuned and ready")
        while not last_call.wait(PAUSE):
            tune = tunes.take(os.getpid())
            if tune is None:
                continue
            self.stdout.write(f"playing {tune.title}")
            threading.Event().wait(LENGTH)  # the tune is finished even if the last call comes meanwhile
            tune.played = timezone.now()
            tune.save(update_fields=["played"])
        self.stdout.write("good night")
