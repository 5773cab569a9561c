"""Chat rooms on pymongo's asynchronous API."""

from __future__ import annotations

import asyncio
from typing import Any

from pymongo import DESCENDING
from pymongo.asynchronous.database import AsyncDatabase


class Room:
    """A room with its messages in order of arrival."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], name: str) -> None:
        self.name = name
        self._rooms = database.rooms
        self._messages = database.messages

    async def say(self, who: str, text: str) -> int:
        """Post a message; return its number in the room."""
        room = await self._rooms.find_one_and_update({"_id": self.name}, {"$inc": {"messages": 1}}, upsert=True, return_document=True)
        number: int = room["messages"]
        await self._messages.insert_one({"_id": f"{self.name}/{number}", "room": self.name, "n": number, "who": who, "text": text})
        return number

    async def say_all(self, who: str, *texts: str) -> list[int]:
        """Post several messages concurrently; return their numbers, in no particular order."""
        return list(await asyncio.gather(*(self.say(who, text) for text in texts)))

    async def latest(self, count: int) -> list[str]:
        """Return the newest messages, newest first."""
        newest = self._messages.find({"room": self.name}).sort("n", DESCENDING).limit(count)
        return [f"{message['who']}: {message['text']}" async for message in newest]

    async def talkers(self) -> dict[str, int]:
        """Return the number of messages by each author."""
        counted = await self._messages.aggregate([{"$match": {"room": self.name}}, {"$group": {"_id": "$who", "n": {"$sum": 1}}}])
        return {talker["_id"]: talker["n"] async for talker in counted}
