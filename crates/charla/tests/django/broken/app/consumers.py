from channels.generic.websocket import AsyncJsonWebsocketConsumer

from .rules import allowed


class C(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.group = make_group(self.scope)
        if not await allowed(self.scope["user"], self.scope["url_route"]["kwargs"]["id"]):
            await self.close(4403)
            return
        await self.channel_layer.group_add(self.group, self.channel_name)

    def broken(self
        return

    async def chat_message(self, event):
        await self.send_json(event)
