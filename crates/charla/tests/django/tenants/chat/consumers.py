import json

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django_tenants.utils import schema_context

from .models import Chat, Mensaje


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        self.chat_id = self.scope["url_route"]["kwargs"]["chat_id"]
        self.user = self.scope["user"]
        self.tenant = self.scope["tenant"]
        self.room_group_name = f"chat_{self.chat_id}"
        self.user_group_name = f"notificaciones_{self.user.id}"

        if not self.user or not self.user.is_authenticated:
            await self.close(code=4401)
            return
        if not await self.chat_existe():
            await self.close(code=4404)
            return
        if not await self.usuario_puede_conectar(self.user, self.chat_id):
            await self.close(code=4403)
            return

        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        await self.channel_layer.group_add(self.user_group_name, self.channel_name)
        await self.accept()

    async def disconnect(self, close_code):
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        data = json.loads(text_data)
        texto = data.get("texto", "").strip()
        if not texto:
            await self.send(text_data=json.dumps({"error": "El mensaje está vacío."}))
            return
        await self.guardar_mensaje(texto, data.get("oportunidad_id"))
        await self.channel_layer.group_send(
            self.room_group_name,
            {
                "type": "chat_message",
                "autor": self.user.username,
                "texto": texto,
                "oportunidad_id": data.get("oportunidad_id"),
                "tenant": self.tenant,
            },
        )

    async def chat_message(self, event):
        await self.send(
            text_data=json.dumps(
                {
                    "autor": event["autor"],
                    "texto": event["texto"],
                    "oportunidad_id": event.get("oportunidad_id"),
                    "tenant": event["tenant"],
                }
            )
        )

    async def chat_closed(self, event):
        await self.send(text_data=json.dumps({**event, "type": "chat_closed"}))

    async def nueva_notificacion(self, event):
        await self.send(text_data=json.dumps(event))

    @database_sync_to_async
    def chat_existe(self):
        with schema_context(self.tenant):
            return Chat.objects.filter(id=self.chat_id).exists()

    @database_sync_to_async
    def usuario_puede_conectar(self, user, chat_id):
        """El cliente del chat, y cualquier empleado de soporte."""
        with schema_context(self.tenant):
            try:
                chat = Chat.objects.get(id=chat_id)
            except Chat.DoesNotExist:
                return False
            if user.es_soporte:
                return True
            return chat.cliente_id == user.id

    @database_sync_to_async
    def guardar_mensaje(self, texto, oportunidad_id):
        with schema_context(self.tenant):
            Mensaje.objects.create(chat_id=self.chat_id, autor=self.user, texto=texto, oportunidad_id=oportunidad_id)
