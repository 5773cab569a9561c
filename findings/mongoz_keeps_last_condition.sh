#!/bin/bash
# mongoz 0.15.0, an ODM for Python: of several conditions on one field with the same operator, only the last is sent. filter(name__startswith="A") and
# filter(name__endswith="n") become one regular expression for the end, `neq` after `neq` excludes only the second value, and `in` after `in` replaces
# the first list; delete() then deletes the rows that the first condition protected. filter() also forgets a limit() or skip() that was
# called before it. No error or warning is shown. Conditions with different operators are kept.
#
# mongoz's guide to queries says that filters are combined with AND and that a call copies the query, with its limit, without changing it. MongoDB
# itself allows each of these conditions, in $and.
#
# The script needs no MongoDB. The methods of pymongo's collection that mongoz calls run in mongomock-ng 7.11.1.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet mongoz==0.15.0 pymongo==4.20.1 mongomock-ng==7.11.1
cat > chain.py <<'PY'
import asyncio

import mongomock_ng
import mongoz
from pymongo.asynchronous.collection import AsyncCollection


class User(mongoz.Document):
    name: str = mongoz.String()
    age: int = mongoz.Integer()

    class Meta:
        registry = mongoz.Registry("mongodb://localhost")
        database = "test"
        collection = "users"


class Cursor:
    def __init__(self, documents):
        self.documents = iter(list(documents))

    def __aiter__(self):
        return self

    async def __anext__(self):
        for document in self.documents:
            return document
        raise StopAsyncIteration

    async def close(self):
        pass


users = mongomock_ng.MongoClient().test.users


async def aggregate(self, pipeline, **options):
    return Cursor(users.aggregate(pipeline))


async def delete_many(self, query, **options):
    return users.delete_many(query)


AsyncCollection.aggregate = aggregate
AsyncCollection.delete_many = delete_many


async def main():
    users.insert_many([{"name": name, "age": age} for name, age in (("Ann", 20), ("Anna", 30), ("Ben", 40), ("Cid", 50))])
    objects = User.objects
    for title, query in (
        ("starts with A, ends with n", objects.filter(name__startswith="A").filter(name__endswith="n")),
        ("the same in one call", objects.filter(name__startswith="A", name__endswith="n")),
        ("not Ann, not Ben", objects.filter(name__neq="Ann").filter(name__neq="Ben")),
        ("in [20, 30], in [30, 40]", objects.filter(age__in=[20, 30]).filter(age__in=[30, 40])),
        ("at least 30, at most 40", objects.filter(age__gte=30).filter(age__lte=40)),
        ("at least 30, limit 1", objects.filter(age__gte=30).limit(1)),
        ("limit 1, at least 30", objects.limit(1).filter(age__gte=30)),
    ):
        print(f"{title}: {', '.join([user.name for user in await query])}")
    await objects.filter(name__neq="Ann").filter(name__neq="Ben").delete()
    print(f"left after deleting all but Ann and Ben: {', '.join(user['name'] for user in users.find())}")


asyncio.run(main())
PY
venv/bin/python -W ignore chain.py > printed
cat printed
diff printed - <<'EXPECTED'
starts with A, ends with n: Ann, Ben
the same in one call: Ann, Ben
not Ann, not Ben: Ann, Anna, Cid
in [20, 30], in [30, 40]: Anna, Ben
at least 30, at most 40: Anna, Ben
at least 30, limit 1: Anna
limit 1, at least 30: Anna, Ben, Cid
left after deleting all but Ann and Ben: Ben
EXPECTED
