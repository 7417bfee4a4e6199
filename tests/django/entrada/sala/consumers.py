"""Asks `acceso` who may enter."""
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from .acceso import puede_entrar
from .models import Sala


class SalaConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.sala_id = self.scope["url_route"]["kwargs"]["sala_id"]
        self.usuario = self.scope["user"]
        sala = await Sala.objects.filter(pk=self.sala_id).afirst()
        if sala is None:
            return await self.close(code=4404)
        if not await database_sync_to_async(puede_entrar)(self.usuario, sala):
            return await self.close(code=4403)
        await self.accept()

    async def receive_json(self, content):
        await self.send_json({"texto": content["texto"]})
