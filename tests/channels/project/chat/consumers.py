"""The chat itself, and three ways to get it wrong after the handshake was answered 101."""
import logging

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from .models import Chat

log = logging.getLogger("chat.consumers")


class ChatConsumer(AsyncJsonWebsocketConsumer):
    group = None

    async def connect(self):
        refusal = await self.refusal()
        if refusal:
            log.warning("Usuario %s, chat %s -> %s", self.scope["user"], self.chat, refusal)
            return await self.close(code=refusal)
        self.group = f"chat_{self.chat}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept(self.subprotocol)

    @property
    def chat(self):
        return self.scope["url_route"]["kwargs"]["chat"]

    @property
    def subprotocol(self):
        """A browser that offers some insists on one of them."""
        return "jwt" if "jwt" in self.scope["subprotocols"] else None

    @database_sync_to_async
    def refusal(self):
        if self.scope["user"] is None:
            return 4401
        chat = Chat.objects.filter(pk=self.chat).first()
        if chat is None:
            return 4404
        return None if chat.lets_in(self.scope["user"]) else 4403

    async def disconnect(self, code):
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content):
        said = {"texto": content["texto"], "oportunidad_id": content.get("oportunidad_id")}
        said |= {"autor": self.scope["user"].username, "tenant": self.scope["tenant"]}
        await self.channel_layer.group_send(self.group, {"type": "chat.message", "said": said})

    async def chat_message(self, event):
        await self.send_json(event["said"])

    async def chat_closed(self, event):
        await self.send_json({**event, "type": "chat_closed"})


class LateConsumer(ChatConsumer):
    """Accepts first and judges then, so that the page sees code and reason."""

    async def connect(self):
        await self.accept(self.subprotocol)
        refusal = await self.refusal()
        if refusal:
            await self.close(code=refusal)


class FlappingConsumer(ChatConsumer):
    """Accepts, and closes at once."""

    async def connect(self):
        await self.accept()
        await self.close()


class FallingConsumer(ChatConsumer):
    """Accepts, and falls over at once."""

    async def connect(self):
        await self.accept()
        raise RuntimeError("the consumer fell over")
