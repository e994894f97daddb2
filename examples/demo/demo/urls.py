from django.urls import path

from club import views

urlpatterns = [
    path("", views.page),
    path("now", views.now),
]
