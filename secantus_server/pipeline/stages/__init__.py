"""The pipeline stages, with one module for each stage. A module is imported when its stage is first looked up."""

from secantus_server.modules import modules_by_name
from secantus_server.pipeline.registry import MODULES

#: The stages whose module has another name, grouped by module.
_OTHER_NAMES = {
    "add_fields": "set",
    "list_catalog": "listClusterCatalog",
    "list_sessions": "listLocalSessions",
    "project": "unset",
    "replace_root": "replaceWith",
    "full_text_search": "search searchMeta",
    "split_large_event": "changeStreamSplitLargeEvent",
    "unpack_bucket": "_internalUnpackBucket _unpackBucket",
}

MODULES.update((f"${name}", module) for name, module in modules_by_name(__name__, __path__, _OTHER_NAMES).items())
