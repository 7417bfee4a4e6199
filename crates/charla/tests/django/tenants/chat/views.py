from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from rest_framework.decorators import api_view
from rest_framework.response import Response


@api_view(["POST"])
def cerrar_chat(request, chat_id):
    async_to_sync(get_channel_layer().group_send)(
        f"chat_{chat_id}",
        {"type": "chat_closed", "mensaje": "El chat fue cerrado.", "cerrado_por": request.user.username},
    )
    return Response({})


def notificar(usuario, mensaje, url):
    async_to_sync(get_channel_layer().group_send)(
        "notificaciones_%s" % usuario.id,
        {"type": "nueva_notificacion", "mensaje": mensaje, "tipo": "info", "url": url},
    )
