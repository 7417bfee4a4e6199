from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.middleware import BaseMiddleware
from django.contrib.auth import get_user_model
from django_tenants.utils import schema_context
from rest_framework_simplejwt.tokens import AccessToken


@database_sync_to_async
def get_user(token, schema):
    with schema_context(schema):
        claims = AccessToken(token)
        return get_user_model().objects.get(id=claims["user_id"])


class JWTAuthMiddleware(BaseMiddleware):
    async def __call__(self, scope, receive, send):
        params = parse_qs(scope["query_string"].decode())
        token = params.get("token", [None])[0]
        tenant = params.get("tenant", params.get("schema", ["public"]))[0]
        scope["user"] = await get_user(token, tenant)
        scope["tenant"] = tenant
        return await super().__call__(scope, receive, send)
