"""The chat. `FALTA` switches on one of the mistakes that applications make."""
import logging
import os
import time

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from .models import Chat, Mensaje, usuario_puede_conectar

log = logging.getLogger("chat.consumers")
FALTA = os.environ.get("FALTA", "")


class ChatConsumer(AsyncJsonWebsocketConsumer):
    grupo = None

    async def connect(self):
        chat_id = int(self.scope["url_route"]["kwargs"]["chat_id"])
        self.usuario = self.scope["user"]
        if FALTA == "rechazar":
            return await self.close()
        if FALTA == "fallar":
            raise RuntimeError("no se pudo cargar el perfil del cliente")
        if FALTA == "lento":
            time.sleep(0.3)
        if FALTA == "aceptar":
            await self.accept()
        chat = await self.buscar(chat_id)
        if chat is None:
            log.warning("Chat %s no existe -> 4404", chat_id)
            return await self.close(code=4404, reason="chat_not_found")
        if not usuario_puede_conectar(self.usuario, chat):
            log.warning("Usuario %s sin permiso en chat %s -> 4403", self.usuario.pk, chat_id)
            return await self.close(code=4403, reason="not_a_member")
        self.chat = chat
        self.grupo = f"chat_{chat_id}"
        await self.channel_layer.group_add(self.grupo, self.channel_name)
        if FALTA != "aceptar":
            await self.accept()
        if FALTA == "fallar_despues":
            raise RuntimeError("no se pudo cargar el historial")
        await self.send_json({"type": "conectado", "chat_id": chat_id, "usuario": self.usuario.username})

    @database_sync_to_async
    def buscar(self, chat_id):
        return Chat.objects.filter(pk=chat_id).first()

    async def disconnect(self, code):
        if self.grupo:
            await self.channel_layer.group_discard(self.grupo, self.channel_name)
            log.info("Desconectado chat %s code=%s", self.chat.pk, code)

    async def receive_json(self, content):
        texto = content["texto"]
        if texto == "/esperar":
            time.sleep(float(content["segundos"]))
        if texto == "/calcular":
            fin = time.monotonic() + float(content["segundos"])
            while time.monotonic() < fin:
                pass
        if texto == "/sin_manejador":
            return await self.channel_layer.group_send(self.grupo, {"type": "no.existe"})
        await self.guardar(texto)
        dicho = {"autor": self.usuario.username, "texto": texto, "tenant": self.scope["tenant"]}
        dicho["oportunidad_id"] = content.get("oportunidad_id")
        await self.channel_layer.group_send(self.grupo, {"type": "chat.mensaje", "dicho": dicho})

    @database_sync_to_async
    def guardar(self, texto):
        Mensaje.objects.create(chat=self.chat, autor=self.usuario, texto=texto)

    async def chat_mensaje(self, event):
        await self.send_json(event["dicho"])
