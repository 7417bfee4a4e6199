"""A process of a Django Channels application without Django: the real channel layer, told what to do line by line.

Reads one JSON object a line and answers with one. The first line configures the layer.
"""

import asyncio
import json
import sys

from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

# Longer than any test waits for one answer: a hanging test ends with words.
PATIENCE = 60


class Process:
    def __init__(self, layer, hosts, **options):
        kind = {"core": RedisChannelLayer, "pubsub": RedisPubSubChannelLayer}[layer]
        # Without it redis-py 8 gives up on its own blocking reads.
        hosts = [{"address": host, "socket_timeout": None} for host in hosts]
        self.layer = kind(hosts=hosts, **options)
        self.kept = {}

    async def new(self):
        return await self.layer.new_channel()

    async def add(self, group, channel):
        await self.layer.group_add(group, channel)
        if isinstance(self.layer, RedisPubSubChannelLayer):
            # The layer does not wait until Redis has confirmed: a message by itself shows that.
            await self.layer.group_send(group, {"type": "probe"})
            while (await self.layer.receive(channel))["type"] != "probe":
                pass

    async def send(self, group, event):
        await self.layer.group_send(group, event)

    async def send_many(self, group, event, count, pause_every=0):
        for number in range(count):
            await self.layer.group_send(group, {**event, "texto": str(number)})
            if pause_every and number % pause_every == pause_every - 1:
                # sleeps because Channels itself drops what a full process has no room for
                await asyncio.sleep(0.05)

    async def direct(self, channel, event):
        await self.layer.send(channel, event)

    async def receive(self, channel, count=1):
        return [await self.layer.receive(channel) for _ in range(count)]

    async def members(self, group):
        names = await self.layer.connection(0).zrange(f"asgi:group:{group}", 0, -1)
        return [name.decode() for name in names]

    async def queue(self, group, event, name):
        """Puts an event into the queue of a process, remembering its bytes."""
        members = [m for m in await self.members(group) if m.startswith("specific.")]
        self.kept[name] = self.layer.serialize({**event, "__asgi_channel__": members})
        queue = members[0].split("!")[0] + "!"
        await self.layer.connection(0).zadd(f"asgi{queue}", {self.kept[name]: 1})
        return f"asgi{queue}"

    async def put_back(self, key, name):
        """As if whoever took it out had died before it was done with it."""
        await self.layer.connection(0).zadd(key, {self.kept[name]: 1})


async def main():
    loop = asyncio.get_running_loop()
    process = None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        words = json.loads(line)
        try:
            if process is None:
                process, answer = Process(**words), None
            else:
                call = getattr(process, words.pop("do"))(**words)
                answer = await asyncio.wait_for(call, PATIENCE)
            print(json.dumps({"ok": answer}), flush=True)
        except BaseException as error:
            print(json.dumps({"error": repr(error)}), flush=True)
            raise


asyncio.run(main())
