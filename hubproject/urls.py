"""Pages of the host."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from hubproject.views import start_page

urlpatterns = [
    path("", start_page, name="start"),
    path(
        "login/",
        LoginView.as_view(template_name="hubproject/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    # Browsers ask for it on pages that name no icon, such as the admin's.
    path("favicon.ico", RedirectView.as_view(url=static("hubproject/icon.svg"))),
]
