"""A consumer of changes: each order that is paid gets a mail, even if the consumer was down meanwhile."""

from __future__ import annotations

from typing import Any

from pymongo.asynchronous.change_stream import AsyncCollectionChangeStream

from shop.models import Mail, Order

#: How long `write_next` waits for a change.
PATIENCE_MS = 50
PAID = [{"$match": {"operationType": "update", "updateDescription.updatedFields.state": "paid"}}]


class MailWriter:
    """Watches the orders.

    Arguments:
        token: where an earlier consumer has stopped.
    """

    def __init__(self, token: dict[str, Any] | None = None) -> None:
        self.token = token
        self._stream: AsyncCollectionChangeStream[dict[str, Any]] | None = None

    async def open(self) -> None:
        """Begin to watch."""
        self._stream = await Order.get_pymongo_collection().watch(PAID, resume_after=self.token, max_await_time_ms=PATIENCE_MS)
        self.token = dict(self._stream.resume_token or {})

    async def close(self) -> None:
        """End the watch; another writer can continue with the token."""
        if self._stream is not None:
            await self._stream.close()

    async def write_next(self) -> bool:
        """Write the mail of the next order that was paid; return whether there was one."""
        assert self._stream is not None, "open() comes first"
        change = await self._stream.try_next()
        if change is None:
            return False
        await self.write(change["documentKey"]["_id"])
        self.token = change["_id"]
        return True

    @staticmethod
    async def write(order: Any) -> None:
        """Write the mail of an order; a second time changes nothing."""
        change = {"$setOnInsert": {"text": f"Your order {order} is paid."}}
        await Mail.get_pymongo_collection().update_one({"_id": order}, change, upsert=True)
