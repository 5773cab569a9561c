"""A lending library: books and their readers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

LOAN = timedelta(days=28)


class NotAvailable(Exception):
    """The book is lent, or does not exist."""


class Library:
    """A library stored in a database."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self.books = database.books
        self.books.create_index([("isbn", ASCENDING)], unique=True)

    def add(self, isbn: str, title: str, *authors: str) -> None:
        """Add a book, or update the title and authors of an existing one."""
        self.books.update_one({"isbn": isbn}, {"$set": {"title": title, "authors": list(authors)}}, upsert=True)

    def lend(self, isbn: str, reader: str, now: datetime) -> datetime:
        """Lend a book and return its due date. Raises NotAvailable."""
        due = now + LOAN
        lent = self.books.find_one_and_update(
            {"isbn": isbn, "reader": {"$exists": False}},
            {"$set": {"reader": reader, "due": due}, "$inc": {"loans": 1}},
        )
        if lent is None:
            raise NotAvailable(isbn)
        return due

    def take_back(self, isbn: str) -> None:
        """Take back a lent book."""
        self.books.update_one({"isbn": isbn}, {"$unset": {"reader": "", "due": ""}})

    def overdue(self, now: datetime) -> list[str]:
        """Return the titles of overdue books."""
        return [book["title"] for book in self.books.find({"due": {"$lt": now}}).sort("due")]

    def popular_authors(self) -> list[tuple[str, int]]:
        """Return the authors with the number of loans of their books, most loans first."""
        pipeline: list[dict[str, Any]] = [
            {"$unwind": "$authors"},
            {"$group": {"_id": "$authors", "loans": {"$sum": "$loans"}}},
            {"$match": {"loans": {"$gt": 0}}},
            {"$sort": {"loans": -1, "_id": 1}},
        ]
        return [(author["_id"], author["loans"]) for author in self.books.aggregate(pipeline)]
