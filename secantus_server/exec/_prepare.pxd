# Preparation of documents for storage, for other compiled modules: see _prepare.pyx.

cpdef bytes prepare_document(bytes doc, make_id, make_timestamp)
