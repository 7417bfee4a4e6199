import uuid

from django.conf import settings
from django.db import models


class Room(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="rooms")

    class Meta:
        db_table = "rooms"


class Message(models.Model):
    room = models.ForeignKey(Room, on_delete=models.CASCADE, db_column="room_ref")
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    body = models.TextField()
    sent = models.DateTimeField(auto_now_add=True)
