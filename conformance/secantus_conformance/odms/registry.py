"""The registry of mapper suites. To add a mapper, write a module with its suite and register the suite here."""

from __future__ import annotations

from secantus_conformance.odms import beanie, langgraph, mongoengine, odmantic
from secantus_conformance.odms.base import OdmSuite
from secantus_conformance.odms.django import DjangoSuite
from secantus_conformance.odms.mongoose import MongooseSuite

SUITES: dict[str, OdmSuite] = {
    "beanie": beanie.SUITE,
    "django": DjangoSuite(),
    "langgraph": langgraph.SUITE,
    "mongoengine": mongoengine.SUITE,
    "mongoose": MongooseSuite(),
    "odmantic": odmantic.SUITE,
}
