"""Change streams: the consumer that writes mails about paid orders."""

import pytest_asyncio
from beanie import PydanticObjectId
from shop.mails import MailWriter
from shop.models import Line, Mail
from shop.orders import pay, place_order


@pytest_asyncio.fixture
async def writer(models):
    writer = MailWriter()
    await writer.open()
    yield writer
    await writer.close()


async def test_a_paid_order_has_a_mail(ann, writer):
    order = await place_order(ann.id, [Line(article="apple", count=1)])
    assert not await writer.write_next()
    await pay(order.id, "key", 50)
    assert await writer.write_next()
    assert (await Mail.get(order.id)).text == f"Your order {order.id} is paid."


async def test_a_writer_continues_where_another_stopped(ann, writer):
    orders = [await place_order(ann.id, [Line(article="apple", count=1)]) for _ in range(2)]
    await pay(orders[0].id, "key-0", 50)
    assert await writer.write_next()
    await writer.close()
    await pay(orders[1].id, "key-1", 50)
    second = MailWriter(writer.token)
    await second.open()
    assert await second.write_next()
    assert not await second.write_next()
    await second.close()
    assert await Mail.find_all().count() == 2


async def test_an_order_has_one_mail(writer):
    number = PydanticObjectId()
    await writer.write(number)
    await writer.write(number)
    assert await Mail.find_all().count() == 1
