from django.contrib.auth.models import User
from django.db import models


class Room(models.Model):
    slug = models.SlugField(primary_key=True)
    owner = models.ForeignKey(User, on_delete=models.CASCADE)


class Member(models.Model):
    room = models.ForeignKey(Room, on_delete=models.CASCADE)
    person = models.ForeignKey(User, on_delete=models.CASCADE)
    banned = models.BooleanField(default=False)
