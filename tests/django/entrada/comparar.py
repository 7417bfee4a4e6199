"""Prints, as JSON, what the project's own function and what the query given as an argument say of each person in each room."""
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sitio.settings")
django.setup()

from django.contrib.auth.models import User
from django.db import connection

from sala.acceso import puede_entrar
from sala.models import Sala

query = sys.argv[1].replace("%", "%%").replace(":chat", "%(chat)s").replace(":user", "%(user)s")
rows = []
for person in User.objects.order_by("id"):
    for room in Sala.objects.order_by("id"):
        # One made anew each time: a person keeps the permissions that were looked up.
        own = bool(person.is_active and puede_entrar(User.objects.get(pk=person.pk), room))
        with connection.cursor() as cursor:
            cursor.execute(query, {"chat": room.pk, "user": person.pk})
            names = [column[0] for column in cursor.description]
            found = cursor.fetchall()
        asked = bool(found and dict(zip(names, found[0]))["allowed"])
        rows.append({"who": person.username, "room": room.titulo, "own": own, "asked": asked})
json.dump(rows, sys.stdout)
