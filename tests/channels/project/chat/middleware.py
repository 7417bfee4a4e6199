"""Who is there? The token comes in the address, or as the sub-protocols `jwt, <token>`."""
import logging
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

log = logging.getLogger("chat.middleware")


class JwtMiddleware:
    """Closes with 4401 before accepting. No browser ever sees that code: it sees HTTP 403, and calls it 1006."""

    def __init__(self, inner):
        self.inner = inner

    async def __call__(self, scope, receive, send):
        scope["user"] = await user_of(token_of(scope))
        if scope["user"] is None and not scope["path"].startswith("/ws/late/"):
            return await send({"type": "websocket.close", "code": 4401})
        scope["tenant"] = parse_qs(scope["query_string"].decode()).get("tenant", ["public"])[0]
        return await self.inner(scope, receive, send)


def token_of(scope):
    offered = scope.get("subprotocols", [])
    if len(offered) == 2 and offered[0] == "jwt":
        return offered[1]
    return parse_qs(scope["query_string"].decode()).get("token", [""])[0]


@database_sync_to_async
def user_of(token):
    try:
        claims = AccessToken(token)
    except TokenError as error:
        log.warning("Token JWT inválido: %s -> 4401", error)
        return None
    return User.objects.filter(pk=claims["user_id"], is_active=True).first()
