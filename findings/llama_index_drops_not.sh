#!/bin/bash
# llama-index-vector-stores-mongodb 0.11.0 ignores FilterCondition.NOT, which llama-index-core's source describes as "negates the filter
# condition". NOT around one filter becomes that filter, so the query returns exactly the nodes that it should leave out. NOT around two
# filters becomes the empty filter, so the query leaves out nothing. Neither raises an error; only the second writes a line to the log, at the
# level debug. A suite that runs on SimpleVectorStore, the store in memory of llama-index-core 0.14.25, passes.
#
# The script needs no MongoDB. It prints the nodes that SimpleVectorStore returns and the filter of the $vectorSearch stage that the other
# store would send.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet llama-index-vector-stores-mongodb==0.11.0 llama-index-core==0.14.25 pymongo==4.20.1
cat > query.py <<'PY'
import logging

from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import FilterCondition, MetadataFilter, MetadataFilters, SimpleVectorStore, VectorStoreQuery
from llama_index.vector_stores.mongodb import MongoDBAtlasVectorSearch
from pymongo import AsyncMongoClient, MongoClient


class Collection:
    name = "nodes"

    def aggregate(self, pipeline, **options):
        print("  MongoDB gets the filter", pipeline[0]["$vectorSearch"]["filter"])
        return iter([])


logging.disable()  # The constructor logs that it cannot reach the server.
address = {"host": "localhost:1", "serverSelectionTimeoutMS": 1, "connect": False}
atlas = MongoDBAtlasVectorSearch(MongoClient(**address), async_mongodb_client=AsyncMongoClient(**address))
atlas._collection = Collection()
memory = SimpleVectorStore()
memory.add(
    [
        TextNode(id_=f"{state} {year}", text="-", metadata={"state": state, "year": year}, embedding=[1.0, 0.0])
        for state, year in (("draft", 2026), ("final", 2025), ("final", 2026))
    ]
)
draft, this_year = MetadataFilter(key="state", value="draft"), MetadataFilter(key="year", value=2026)
for condition, filters in (("and", [draft]), ("not", [draft]), ("not", [draft, this_year])):
    print(condition, *(f"{filter.key}={filter.value}" for filter in filters))
    wanted = MetadataFilters(filters=filters, condition=FilterCondition(condition))
    query = VectorStoreQuery(query_embedding=[1.0, 0.0], similarity_top_k=3, filters=wanted)
    print("  SimpleVectorStore returns", sorted(memory.query(query).ids))
    atlas.query(query)
PY
venv/bin/python -W ignore query.py > printed
cat printed
diff printed - <<'EXPECTED'
and state=draft
  SimpleVectorStore returns ['draft 2026']
  MongoDB gets the filter {'metadata.state': {'$eq': 'draft'}}
not state=draft
  SimpleVectorStore returns ['final 2025', 'final 2026']
  MongoDB gets the filter {'metadata.state': {'$eq': 'draft'}}
not state=draft year=2026
  SimpleVectorStore returns ['final 2025']
  MongoDB gets the filter {}
EXPECTED
