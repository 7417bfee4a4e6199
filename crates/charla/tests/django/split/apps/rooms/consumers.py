from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.auth.models import User

from .groups import room_group
from .models import Message, Room


class RoomConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.room_id = self.scope["url_route"]["kwargs"]["room_id"]
        self.user = await self.load_user()
        if not await self.is_member():
            return await self.close(4403)
        self.group = room_group(self.scope["tenant"], self.room_id)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    @database_sync_to_async
    def load_user(self):
        return User.objects.get(pk=self.scope["user_id"])

    @database_sync_to_async
    def is_member(self):
        room = Room.objects.filter(pk=self.room_id).first()
        return room is not None and (self.user in room.members.all() or self.user.groups.filter(name="support").exists())

    async def receive_json(self, content, **kwargs):
        await self.save(content["body"])
        await self.channel_layer.group_send(
            self.group, {"type": "room.message", "body": content["body"], "from": self.user.username}
        )

    async def room_message(self, event):
        await self.send_json({"body": event["body"], "from": event["from"]})

    @database_sync_to_async
    def save(self, body):
        Message.objects.create(room_id=self.room_id, sender=self.user, body=body)
