"""Who is there, and of which company? Both come in the address: `?token=<JWT>&tenant=<schema>`, or `schema=` in older pages."""
import logging
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from django_tenants.utils import get_tenant_model, schema_context
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

log = logging.getLogger("chat.middleware")


class JWTAuthMiddleware:
    """Closes with 4401 before accepting. No browser ever sees that code: it sees HTTP 403, and calls it 1006."""

    def __init__(self, inner):
        self.inner = inner

    async def __call__(self, scope, receive, send):
        query = parse_qs(scope["query_string"].decode())
        tenant = query.get("tenant", query.get("schema", [""]))[0]
        usuario, code = await quien(tenant, query.get("token", [""])[0])
        if usuario is None:
            return await send({"type": "websocket.close", "code": code})
        return await self.inner(dict(scope, user=usuario, tenant=tenant), receive, send)


@database_sync_to_async
def quien(tenant, token):
    """The user, or the code to close with."""
    if not get_tenant_model().objects.filter(schema_name=tenant).exists():
        log.warning("Tenant %s no existe -> 4404", tenant)
        return None, 4404
    try:
        datos = AccessToken(token)
    except TokenError as error:
        log.warning("Token JWT inválido: %s -> 4401", error)
        return None, 4401
    with schema_context(tenant):
        usuario = get_user_model().objects.filter(pk=datos["user_id"], is_active=True).first()
    if usuario is None:
        log.warning("Usuario del token no existe o inactivo -> 4401")
    return usuario, 4401
