"""Django's applications with keys that MongoDB can create, as every project that uses the backend configures them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig
from django.contrib.sites.apps import SitesConfig

_KEY = "django_mongodb_backend.fields.ObjectIdAutoField"


class Admin(SimpleAdminConfig):  # type: ignore[misc]
    """The administration."""

    default_auto_field = _KEY


class Auth(AuthConfig):  # type: ignore[misc]
    """Users and permissions."""

    default_auto_field = _KEY


class ContentTypes(ContentTypesConfig):  # type: ignore[misc]
    """The types of models."""

    default_auto_field = _KEY


class Sites(SitesConfig):  # type: ignore[misc]
    """Sites, of which Django's own runner names the first 1."""

    default_auto_field = _KEY

    def ready(self) -> None:
        """Name the first site by a key that MongoDB can have."""
        super().ready()
        settings.SITE_ID = "000000000000000000000001"
        settings.SILENCED_SYSTEM_CHECKS = [*settings.SILENCED_SYSTEM_CHECKS, "sites.E101"]  # that it is an integer
