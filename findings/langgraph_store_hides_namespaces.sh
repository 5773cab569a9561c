#!/bin/bash
# MongoDBStore.list_namespaces() of langgraph-store-mongodb 0.4.0 limits the items before it removes duplicate namespaces. So the default limit of
# 100 namespaces means 100 items: if the first 100 items are in one namespace, the method returns that one, without an error. Until a namespace has
# so many items, a test sees nothing of it. A suffix with "*" is read from its end and one place too far, so ("drafts", "*") matches nothing, and
# ("*", "notes", "*") matches namespaces that end in "notes". LangGraph's own InMemoryStore is right in all four calls.
#
# The script needs no MongoDB. It runs the store on a collection of mongomock-ng 7.11.1 and compares it with InMemoryStore.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet langgraph-store-mongodb==0.4.0 langchain-mongodb==0.12.1 langgraph-checkpoint==4.3.2 pymongo==4.20.1 mongomock-ng==7.11.1
cat > namespaces.py <<'PY'
import mongomock_ng
from langgraph.store.memory import InMemoryStore
from langgraph.store.mongodb import MongoDBStore, base

base.append_client_metadata = lambda client, driver_info: None  # mongomock-ng has no connection to describe
stores = (MongoDBStore(mongomock_ng.MongoClient().db.items), InMemoryStore())
for store in stores:
    for number in range(120):
        store.put(("ann", "notes"), str(number), {"text": "..."})
    store.put(("bob", "notes"), "1", {"text": "..."})
    store.put(("bob", "drafts", "2026"), "1", {"text": "..."})
for arguments in ({}, {"max_depth": 1}, {"suffix": ("drafts", "*")}, {"suffix": ("*", "notes", "*"), "limit": 1000}):
    print(arguments)
    for store in stores:
        print(f"  {type(store).__name__}:", sorted("/".join(namespace) for namespace in store.list_namespaces(**arguments)))
PY
venv/bin/python -W ignore namespaces.py > printed
cat printed
diff printed - <<'EXPECTED'
{}
  MongoDBStore: ['ann/notes']
  InMemoryStore: ['ann/notes', 'bob/drafts/2026', 'bob/notes']
{'max_depth': 1}
  MongoDBStore: ['ann']
  InMemoryStore: ['ann', 'bob']
{'suffix': ('drafts', '*')}
  MongoDBStore: []
  InMemoryStore: ['bob/drafts/2026']
{'suffix': ('*', 'notes', '*'), 'limit': 1000}
  MongoDBStore: ['ann/notes', 'bob/notes']
  InMemoryStore: []
EXPECTED
