"""Django's applications with keys that MongoDB can create, as every project that uses the backend configures them."""

from __future__ import annotations

from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig

_KEY = "django_mongodb_backend.fields.ObjectIdAutoField"


class Admin(SimpleAdminConfig):
    """The administration."""

    default_auto_field = _KEY


class Auth(AuthConfig):
    """Users and permissions."""

    default_auto_field = _KEY


class ContentTypes(ContentTypesConfig):
    """The types of models."""

    default_auto_field = _KEY
