import jwt
from django.conf import settings


class TokenMiddleware:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        offered = scope["subprotocols"]
        token = offered[1] if len(offered) == 2 else None
        claims = jwt.decode(token, settings.SIMPLE_JWT["VERIFYING_KEY"], algorithms=["RS256"])
        scope["user_id"] = claims["sub"]
        scope["tenant"] = claims["org"]
        return await self.app(scope, receive, send)
