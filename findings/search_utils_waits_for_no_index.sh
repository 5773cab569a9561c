#!/bin/bash
# pymongo-search-utils 0.3.1 (which langchain-mongodb uses): drop_vector_search_index(collection, name, wait_until_complete=seconds) waits
# until the collection has no search index at all, instead of until the named index is dropped. If the collection has a second search index,
# for example one for text in addition to one for vectors, the named index is dropped at once, but the call raises TimeoutError after the
# whole wait time.
#
# The script does not need MongoDB. A class of a few lines has the two methods that the function calls.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q "pymongo-search-utils==0.3.1" "pymongo==4.20.1" "dnspython==2.8.0"
cat > "$scratch/observe.py" <<'PY'
from importlib.metadata import version

from pymongo_search_utils.index import drop_vector_search_index


class Collection:
    name = "articles"

    def __init__(self, *names):
        self.names = list(names)

    def drop_search_index(self, name):
        self.names.remove(name)

    def list_search_indexes(self):
        return iter([{"name": name} for name in self.names])


print("pymongo-search-utils", version("pymongo-search-utils"))
for names in (["vectors"], ["vectors", "texts"]):
    collection = Collection(*names)
    try:
        drop_vector_search_index(collection, "vectors", wait_until_complete=2)
        outcome = "returns"
    except TimeoutError as error:
        outcome = f"TimeoutError: {error}"
    print(f"of {', '.join(names)}: {outcome}; left: {collection.names}")
PY
"$scratch/venv/bin/python" "$scratch/observe.py" > "$scratch/printed"
cat "$scratch/printed"
diff "$scratch/printed" - <<'EXPECTED'
pymongo-search-utils 0.3.1
of vectors: returns; left: []
of vectors, texts: TimeoutError: Index vectors did not drop in 2!; left: ['texts']
EXPECTED
