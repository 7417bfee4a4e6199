"""What the page asks over HTTP, and what support does."""
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.db import connection
from django.shortcuts import get_object_or_404
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAdminUser, IsAuthenticated
from rest_framework.response import Response

from .grupos import grupo_de_chat, grupo_de_usuario
from .models import Chat, Notificacion, usuario_puede_conectar


@api_view(["GET"])
@permission_classes([IsAuthenticated])
def mensajes(request, chat_id):
    """A chat's history, oldest first."""
    chat = get_object_or_404(Chat, pk=chat_id)
    if not usuario_puede_conectar(request.user, chat):
        raise PermissionDenied
    return Response(
        [
            {"autor": m.author.username, "texto": m.text, "oportunidad_id": m.oportunidad_id, "tenant": connection.schema_name}
            for m in chat.mensajes.select_related("author")
        ]
    )


@api_view(["POST"])
@permission_classes([IsAdminUser])
def cerrar(request, chat_id):
    """Support closes a chat: everybody in it is told."""
    chat = get_object_or_404(Chat, pk=chat_id)
    chat.closed = True
    chat.save(update_fields=["closed"])
    enviar(
        grupo_de_chat(connection.schema_name, chat_id),
        {
            "type": "chat_closed",
            "mensaje": "El chat fue cerrado.",
            "cerrado_por": request.user.username,
            "tenant": connection.schema_name,
        },
    )
    return Response({})


@api_view(["POST"])
@permission_classes([IsAdminUser])
def notificar(request):
    """A notification for one person."""
    usuario = get_object_or_404(get_user_model(), username=request.data["usuario"])
    campos = {campo: request.data.get(campo) for campo in ("mensaje", "tipo", "url")}
    nueva = Notificacion.objects.create(user=usuario, **campos)
    enviar(
        grupo_de_usuario(connection.schema_name, usuario.pk),
        {
            "type": "nueva_notificacion",
            **campos,
            "id": nueva.pk,
            "creada": nueva.creada.isoformat(),
            "tenant": connection.schema_name,
        },
    )
    return Response({"id": nueva.pk})


def enviar(grupo, evento):
    async_to_sync(get_channel_layer().group_send)(grupo, evento)
