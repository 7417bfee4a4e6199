"""Django makes its table of messages and fills it; prints the rows as JSON.

usage: table.py sqlite FILE | table.py postgres SOCKET_FOLDER DATABASE
"""

import json
import sys
from datetime import datetime, timedelta, timezone

import django
from django.conf import settings

kind, place, *database = sys.argv[1:]
if kind == "sqlite":
    connected = {"ENGINE": "django.db.backends.sqlite3", "NAME": place}
else:
    connected = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": place,
        "USER": "charla",
        "NAME": database[0],
    }
settings.configure(
    DATABASES={"default": connected},
    USE_TZ=True,
    TIME_ZONE="America/Bogota",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.db import connection, models  # noqa: E402


class User(models.Model):
    username = models.CharField(max_length=150)

    class Meta:
        app_label = "auth"
        db_table = "auth_user"
        managed = False


class Message(models.Model):
    chat_id = models.BigIntegerField()
    author = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    text = models.TextField()
    data = models.JSONField(null=True)
    sent_at = models.DateTimeField()

    class Meta:
        app_label = "chat"


with connection.schema_editor() as editor:
    editor.create_model(Message)
start = datetime(2024, 1, 1, 12, 0, 0, 250999, tzinfo=timezone.utc)
made = [
    Message(
        chat_id=5 + number % 2,
        author_id=42 + number % 2,
        text=f"mensaje {number}: ñ ☕ 'x'",
        data={"n": number} if number % 10 == 0 else None,
        # Some were said in the same moment.
        sent_at=start + timedelta(milliseconds=number // 4 * 1500),
    )
    for number in range(1200)
]
Message.objects.bulk_create(made)
columns = ["id", "chat_id", "author_id", "text", "data", "sent_at"]
rows = list(Message.objects.order_by("id").values(*columns))
for row in rows:
    row["sent_at"] = row["sent_at"].isoformat()
print(json.dumps(rows))
