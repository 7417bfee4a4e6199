"""The chat, and a person's notifications over the same socket."""
import logging

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.utils import timezone
from django_tenants.utils import schema_context

from .grupos import grupo_de_chat, grupo_de_usuario
from .models import Chat, Mensaje, usuario_puede_conectar

log = logging.getLogger("chat.consumers")


class ChatConsumer(AsyncJsonWebsocketConsumer):
    grupos = ()

    async def connect(self):
        self.chat_id = int(self.scope["url_route"]["kwargs"]["chat_id"])
        self.usuario, self.tenant = self.scope["user"], self.scope["tenant"]
        codigo = await self.motivo_de_rechazo()
        if codigo:
            log.warning("Usuario %s, chat %s -> %s", self.usuario, self.chat_id, codigo)
            return await self.close(code=codigo)
        self.grupos = (grupo_de_chat(self.tenant, self.chat_id), grupo_de_usuario(self.tenant, self.usuario.pk))
        for grupo in self.grupos:
            await self.channel_layer.group_add(grupo, self.channel_name)
        await self.accept()

    @database_sync_to_async
    def motivo_de_rechazo(self):
        with schema_context(self.tenant):
            chat = Chat.objects.filter(pk=self.chat_id).first()
        if chat is None:
            return 4404
        return None if usuario_puede_conectar(self.usuario, chat) else 4403

    async def disconnect(self, code):
        for grupo in self.grupos:
            await self.channel_layer.group_discard(grupo, self.channel_name)

    async def receive_json(self, content):
        texto = content.get("texto")
        if not isinstance(texto, str):
            return await self.send_json({"error": "Falta el texto"})
        if not await self.guardar(texto, content.get("oportunidad_id")):
            return await self.send_json({"error": "El chat está cerrado"})
        await self.channel_layer.group_send(
            self.grupos[0],
            {
                "type": "chat_message",
                "autor": self.usuario.username,
                "autor_id": self.usuario.pk,
                "texto": texto,
                "oportunidad_id": content.get("oportunidad_id"),
                "tenant": self.tenant,
            },
        )

    @database_sync_to_async
    def guardar(self, texto, oportunidad_id):
        with schema_context(self.tenant):
            if Chat.objects.filter(pk=self.chat_id, closed=True).exists():
                return False
            Mensaje.objects.create(
                chat_id=self.chat_id,
                author_id=self.usuario.pk,
                text=texto,
                oportunidad_id=oportunidad_id,
                created=timezone.now(),
            )
            return True

    async def chat_message(self, event):
        await self.send_json({campo: event[campo] for campo in ("autor", "texto", "oportunidad_id", "tenant")})

    async def chat_closed(self, event):
        await self.send_json({campo: event[campo] for campo in ("type", "mensaje", "cerrado_por")})

    async def nueva_notificacion(self, event):
        await self.send_json({campo: event[campo] for campo in ("type", "mensaje", "tipo", "url", "id", "creada")})
