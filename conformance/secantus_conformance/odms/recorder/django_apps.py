"""Configurations of Django's applications with primary key types that MongoDB can generate. Every project with the backend needs such
configurations.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig
from django.contrib.sites.apps import SitesConfig

_KEY = "django_mongodb_backend.fields.ObjectIdAutoField"


class Admin(SimpleAdminConfig):  # type: ignore[misc]
    """The configuration of the admin application."""

    default_auto_field = _KEY


class Auth(AuthConfig):  # type: ignore[misc]
    """The configuration of the application for users and permissions."""

    default_auto_field = _KEY


class ContentTypes(ContentTypesConfig):  # type: ignore[misc]
    """The configuration of the application for the types of models."""

    default_auto_field = _KEY


class Sites(SitesConfig):  # type: ignore[misc]
    """The configuration of the sites application, with an ObjectId as the id of the first site.

    Django's own test runner assigns the id 1 to the first site, which the ObjectId keys of MongoDB do not allow.
    """

    default_auto_field = _KEY

    def ready(self) -> None:
        """Set the id of the first site to a value that MongoDB can use as its key."""
        super().ready()
        settings.SITE_ID = "000000000000000000000001"
        settings.SILENCED_SYSTEM_CHECKS = [*settings.SILENCED_SYSTEM_CHECKS, "sites.E101"]  # silences the check that the id is an integer
