import json

from asgiref.sync import async_to_sync
from channels.generic.websocket import WebsocketConsumer

from .models import Member, Room


class TalkConsumer(WebsocketConsumer):
    def connect(self):
        self.room_name = self.scope["url_route"]["kwargs"]["room"]
        self.room_group_name = "talk_%s" % self.room_name
        user = self.scope["user"]
        if user.is_anonymous:
            self.close()
            return
        room = Room.objects.get(pk=self.room_name)
        if room.owner != user and not Member.objects.filter(room=room, person=user, banned=False).exists():
            self.close()
            return
        async_to_sync(self.channel_layer.group_add)(self.room_group_name, self.channel_name)
        self.accept()

    def receive(self, text_data):
        text_data_json = json.loads(text_data)
        message = text_data_json["message"]
        async_to_sync(self.channel_layer.group_send)(
            self.room_group_name, {"type": "chat.message", "message": message, "username": self.scope["user"].username}
        )

    def chat_message(self, event):
        self.send(text_data=json.dumps({"message": event["message"], "username": event["username"]}))


async def ticker(scope, receive, send):
    await send({"type": "websocket.accept"})
