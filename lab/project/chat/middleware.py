"""Who is there? The token comes in the address. `RECHAZO` says how a bad one is turned away."""
import json
import logging
import os
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from django.db import connection
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

log = logging.getLogger("chat.middleware")
RECHAZO = os.environ.get("RECHAZO", "cerrar")


class JWTAuthMiddleware:
    """Closes with 4401 before accepting. No browser ever sees that code: it sees HTTP 403, and calls it 1006."""

    def __init__(self, inner):
        self.inner = inner

    async def __call__(self, scope, receive, send):
        query = parse_qs(scope["query_string"].decode())
        tenant = query.get("tenant", query.get("schema", ["public"]))[0]
        if not await existe(tenant):
            log.warning("Tenant %s no existe -> 4404", tenant)
            return await send({"type": "websocket.close", "code": 4404})
        usuario = await usuario_de(query.get("token", [""])[0])
        if usuario is None:
            return await rechazar(scope, receive, send)
        return await self.inner(dict(scope, user=usuario, tenant=tenant), receive, send)


@database_sync_to_async
def existe(tenant):
    """Whether the partner company has a schema; SQLite knows only `public`."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [tenant])
        return cursor.fetchone() is not None


@database_sync_to_async
def usuario_de(token):
    if not token:
        log.warning("Conexión WebSocket sin token -> 4401")
        return None
    try:
        datos = AccessToken(token)
    except TokenError as error:
        log.warning("Token JWT inválido: %s -> 4401", error)
        if RECHAZO == "excepcion":
            raise
        return None
    usuario = get_user_model().objects.filter(pk=datos["user_id"], is_active=True).first()
    if usuario is None:
        log.warning("Usuario del token no existe o inactivo -> 4401")
    return usuario


async def rechazar(scope, receive, send):
    if RECHAZO == "aceptar":
        await receive()
        await send({"type": "websocket.accept"})
        return await send({"type": "websocket.close", "code": 4401, "reason": "token_invalid"})
    if RECHAZO == "http" and "websocket.http.response" in scope.get("extensions", {}):
        body = json.dumps({"detail": "Token inválido"}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
        return await send({"type": "websocket.http.response.body", "body": body})
    return await send({"type": "websocket.close", "code": 4401})
