"""The REST side: tokens, and support closing a chat. A socket's address is none of these: a GET of it is a 404."""
from django.urls import path
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from chat.views import close_chat

urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
    path("api/chats/<int:chat>/close/", close_chat),
]
