#!/bin/bash
# pymongoarrow 1.15.0 without a schema: if the first array that it reads for a field starts with nulls, these nulls are dropped and the later
# values move to the left: [None, None, 3, 4] becomes [3, 4]. In every later document of the same field, nulls keep their places. So two
# parallel arrays of one document, such as times and values, no longer fit together. With a schema, the nulls stay.
# `parallelism="threads"` infers the types of each batch anew and so damages the first array of each batch.
#
# The script needs no MongoDB. A class of a few lines returns the batches that a server would send.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet pymongoarrow==1.15.0 pymongo==4.20.1 pyarrow==25.0.1 numpy==2.4.6
cat > read.py <<'PY'
from types import SimpleNamespace

import bson
from bson.codec_options import CodecOptions
from pymongoarrow.api import Schema, find_arrow_all

DOCUMENTS = [
    {"times": [1, 2, 3, 4], "values": [None, None, 3, 4]},
    {"times": [5, 6, 7, 8], "values": [None, None, 7, 8]},
]


class Collection:
    codec_options = CodecOptions()
    database = SimpleNamespace(client=SimpleNamespace(append_metadata=lambda info: None))

    def find_raw_batches(self, query, **options):
        return iter([bson.encode(document) for document in DOCUMENTS])


for title, options in (
    ("no schema", {}),
    ("no schema, threads", {"parallelism": "threads"}),
    ("schema", {"schema": Schema({"times": [int], "values": [int]})}),
):
    for row in find_arrow_all(Collection(), {}, **options).to_pylist():
        print(f"{title}: {row}")
PY
venv/bin/python -W ignore read.py > printed
cat printed
diff printed - <<'EXPECTED'
no schema: {'times': [1, 2, 3, 4], 'values': [3, 4]}
no schema: {'times': [5, 6, 7, 8], 'values': [None, None, 7, 8]}
no schema, threads: {'times': [1, 2, 3, 4], 'values': [3, 4]}
no schema, threads: {'times': [5, 6, 7, 8], 'values': [7, 8]}
schema: {'times': [1, 2, 3, 4], 'values': [None, None, 3, 4]}
schema: {'times': [5, 6, 7, 8], 'values': [None, None, 7, 8]}
EXPECTED
