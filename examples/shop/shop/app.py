"""The shop's HTTP interface."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from beanie import PydanticObjectId
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from pymongo.errors import DuplicateKeyError, PyMongoError

from shop.database import NAME, connect_models, make_client
from shop.models import Article, Basket, Customer, Line, Order
from shop.orders import OutOfStockError, WrongPaymentError, latest_orders, pay, place_order


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Connect with the database while the application runs."""
    async with make_client() as client:
        await connect_models(client[NAME])
        yield


app = FastAPI(lifespan=lifespan)


class Join(BaseModel):
    """Somebody who wants to become a customer."""

    mail: str
    name: str


class Wanted(BaseModel):
    """What a customer wants to order."""

    customer: PydanticObjectId
    lines: list[Line]


class Paid(BaseModel):
    """What the payment provider reports."""

    key: str
    cents: int


@app.get("/health")
async def health() -> dict[str, bool]:
    """Whether the database answers."""
    try:
        await Article.get_pymongo_collection().database.command("ping")
    except PyMongoError as error:
        raise HTTPException(503, "the database does not answer") from error
    return {"ok": True}


@app.get("/articles")
async def articles() -> list[Article]:
    """The first articles by name."""
    return await Article.find_all().limit(100).to_list()


@app.get("/articles/{sku}")
async def article(sku: str) -> Article:
    """One article."""
    found = await Article.get(sku)
    if found is None:
        raise HTTPException(404, "no such article")
    return found


@app.post("/customers", status_code=201)
async def join(new: Join) -> Customer:
    """Add a customer."""
    try:
        return await Customer(mail=new.mail, name=new.name).insert()
    except DuplicateKeyError as error:
        raise HTTPException(409, "there is a customer with this address") from error


@app.put("/customers/{customer}/basket", status_code=204)
async def fill_basket(customer: PydanticObjectId, lines: list[Line]) -> None:
    """Replace the basket of a customer."""
    await Basket(id=customer, lines=lines).save()


@app.post("/orders", status_code=201)
async def order(wanted: Wanted) -> Order:
    """Place an order."""
    try:
        return await place_order(wanted.customer, wanted.lines)
    except OutOfStockError as error:
        raise HTTPException(409, f"not enough pieces of {error}") from error


@app.get("/customers/{customer}/orders")
async def orders(customer: PydanticObjectId) -> list[Order]:
    """The newest orders of a customer."""
    return await latest_orders(customer)


@app.post("/orders/{number}/payments", status_code=201)
async def payment(number: PydanticObjectId, paid: Paid) -> dict[str, str]:
    """Record a payment."""
    try:
        return {"key": (await pay(number, paid.key, paid.cents)).id}
    except WrongPaymentError as error:
        raise HTTPException(409, f"the payment does not fit: {error}") from error
