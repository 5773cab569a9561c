"""The update language, which consists of update operators, replacement documents and pipelines. Each is applied to one document at a
time.

https://www.mongodb.com/docs/manual/reference/operator/update/
"""

from secantus_server.mql.update._diff import smallest_entry
from secantus_server.mql.update.parse import parse_update
from secantus_server.mql.update.updates import Update
from secantus_server.mql.update.upsert import check_upsert_filter, upsert_document

__all__ = ["Update", "check_upsert_filter", "parse_update", "smallest_entry", "upsert_document"]
