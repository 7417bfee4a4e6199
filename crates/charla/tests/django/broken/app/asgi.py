from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import re_path

from .consumers import C

application = ProtocolTypeRouter({"websocket": URLRouter([re_path(r"^ws/(chat|sala)/(?P<id>\d+)$", C.as_asgi())])})
