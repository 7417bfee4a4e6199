from django.urls import path

from .consumers import RoomConsumer

websocket_urls = [path("socket/rooms/<uuid:room_id>/", RoomConsumer.as_asgi())]
