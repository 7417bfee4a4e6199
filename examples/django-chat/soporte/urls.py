"""The REST side: tokens, a chat's history, closing it, notifications."""
from django.urls import path
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from chat import views

urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
    path("api/chats/<int:chat_id>/mensajes/", views.mensajes),
    path("api/chats/<int:chat_id>/cerrar/", views.cerrar),
    path("api/notificaciones/", views.notificar),
]
