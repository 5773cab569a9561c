"""What the shop stores."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, ClassVar, Literal

from beanie import Document, Indexed, PydanticObjectId
from pydantic import BaseModel, Field
from pymongo import ASCENDING, DESCENDING, IndexModel

#: How long an abandoned basket is kept.
BASKET_LIFETIME_S = 2 * 60 * 60


def now() -> datetime:
    """The present time, with the milliseconds that MongoDB stores."""
    time = datetime.now(timezone.utc)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


class Article(Document):
    """Something to sell; its `_id` is the stock keeping unit."""

    id: str
    name: str
    price_cents: int = Field(gt=0)
    stock: int = Field(default=0, ge=0)

    class Settings:
        name = "articles"


class Customer(Document):
    """Somebody who orders."""

    mail: Annotated[str, Indexed(unique=True)]
    name: str

    class Settings:
        name = "customers"


class Line(BaseModel):
    """One article of an order or a basket."""

    article: str
    count: int = Field(gt=0)
    price_cents: int = 0


class Basket(Document):
    """What a customer has chosen but not ordered; its `_id` is the customer's. It expires by itself."""

    id: PydanticObjectId
    lines: list[Line]
    touched_at: datetime = Field(default_factory=now)

    class Settings:
        name = "baskets"
        indexes: ClassVar = [IndexModel([("touched_at", ASCENDING)], expireAfterSeconds=BASKET_LIFETIME_S)]


class Order(Document):
    """An order, whose articles have been taken from the stock."""

    customer: PydanticObjectId
    lines: list[Line]
    total_cents: int
    state: Literal["open", "paid", "expired"] = "open"
    placed_at: datetime = Field(default_factory=now)

    class Settings:
        name = "orders"
        indexes: ClassVar = [
            IndexModel([("customer", ASCENDING), ("placed_at", DESCENDING)]),
            IndexModel([("state", ASCENDING), ("placed_at", ASCENDING)]),
        ]


class Payment(Document):
    """A payment; its `_id` is the key by which the payment provider repeats its request."""

    id: str
    order: PydanticObjectId
    cents: int
    paid_at: datetime = Field(default_factory=now)

    class Settings:
        name = "payments"


class Mail(Document):
    """A mail to send about an order; its `_id` is the order's, so that no order has two."""

    id: PydanticObjectId
    text: str

    class Settings:
        name = "mails"


MODELS = [Article, Customer, Basket, Order, Payment, Mail]
