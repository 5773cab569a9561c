#!/bin/bash
# django-mongodb-backend 5.2.4: a row whose second field is null can be both in filter(stock__gt=F("reserved")) and in the exclude() of the same
# condition. The filter becomes {$expr: {$gt: ["$stock", "$reserved"]}} without a check for null. The exclusion has the check. In an expression,
# MongoDB orders null before numbers (MongoDB's pages about $gt and "Comparison/Sort Order"), so 5 is greater than null, and null equals null. In
# SQL, neither is true, so a suite that runs on SQLite sees another result than MongoDB. `__lt` and `__lte` check the first field for null.
#
# The script needs no MongoDB. It compiles each queryset to the condition of $match, evaluates it with mongomock-ng 7.11.1, and runs the queryset
# on SQLite.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet django-mongodb-backend==5.2.4 Django==5.2.19 pymongo==4.20.1 mongomock-ng==7.11.1
cat > filters.py <<'PY'
import django
import mongomock_ng
from django.conf import settings
from django.db import connections, models
from django.db.models import F

MONGODB = {"ENGINE": "django_mongodb_backend", "NAME": "shop", "HOST": "mongodb://localhost:1"}
SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.configure(DATABASES={"default": MONGODB, "sqlite": SQLITE})
django.setup()


class Item(models.Model):
    id = models.IntegerField(primary_key=True)
    stock = models.IntegerField(null=True)
    reserved = models.IntegerField(null=True)

    class Meta:
        app_label = "shop"


items = mongomock_ng.MongoClient().shop.items
with connections["sqlite"].schema_editor() as editor:
    editor.create_model(Item)
for id, stock, reserved in ((1, 5, 2), (2, 5, None), (3, None, None)):
    Item.objects.using("sqlite").create(id=id, stock=stock, reserved=reserved)
    items.insert_one({"_id": id, "stock": stock, "reserved": reserved})
for condition in ({"stock__gt": F("reserved")}, {"stock": F("reserved")}):
    for method in ("filter", "exclude"):
        queryset = getattr(Item.objects, method)(**condition)
        compiler = queryset.query.get_compiler("default")
        compiler.pre_sql_setup()
        match = compiler.build_query([]).match_mql
        print(f"{method} {condition}")
        if method == "filter":
            print("  condition of $match:", match)
        print("  mongomock-ng:", sorted(item["_id"] for item in items.find(match)))
        print("  SQLite:      ", sorted(queryset.using("sqlite").values_list("id", flat=True)))
PY
venv/bin/python -W ignore filters.py > printed
cat printed
diff printed - <<'EXPECTED'
filter {'stock__gt': F(reserved)}
  condition of $match: {'$expr': {'$gt': ['$stock', '$reserved']}}
  mongomock-ng: [1, 2]
  SQLite:       [1]
exclude {'stock__gt': F(reserved)}
  mongomock-ng: [2, 3]
  SQLite:       [2, 3]
filter {'stock': F(reserved)}
  condition of $match: {'$expr': {'$eq': ['$stock', '$reserved']}}
  mongomock-ng: [3]
  SQLite:       []
exclude {'stock': F(reserved)}
  mongomock-ng: [1, 2, 3]
  SQLite:       [1, 2, 3]
EXPECTED
