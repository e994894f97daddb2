from django.db import models


class Visit(models.Model):
    """One visit to the page."""

    at = models.DateTimeField(auto_now_add=True)


class Tune(models.Model):
    """A job: somebody asked for a tune, a player plays it."""

    title = models.CharField(max_length=80)
    asked = models.DateTimeField(auto_now_add=True)
    player = models.IntegerField(null=True)  # the process that took it
    played = models.DateTimeField(null=True)  # when it was over


class Encore(models.Model):
    """One run of the scheduled command."""

    at = models.DateTimeField(auto_now_add=True)
    process = models.IntegerField()
