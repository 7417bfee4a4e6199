from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAdminUser
from rest_framework.response import Response


@api_view(["POST"])
@permission_classes([IsAdminUser])
def close_chat(request, chat):
    """Support closes a chat: everybody in it is told, and nobody's socket is closed."""
    said = {"type": "chat.closed", "mensaje": "El chat fue cerrado.", "cerrado_por": request.user.username}
    async_to_sync(get_channel_layer().group_send)(f"chat_{chat}", said)
    return Response({})
