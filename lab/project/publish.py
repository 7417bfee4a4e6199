"""Says something in chat 5 from outside the server, `argv[1]` times, as a task queue does."""
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenants_backend.settings")

import django  # noqa: E402

django.setup()

from asgiref.sync import async_to_sync  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402


async def publish(times, length):
    layer = get_channel_layer()
    for _ in range(times):
        await layer.group_send("chat_5", {"type": "chat.mensaje", "dicho": {"texto": "x" * length}})


async_to_sync(publish)(int(sys.argv[1]), int(sys.argv[2]))
