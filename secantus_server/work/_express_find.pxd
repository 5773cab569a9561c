# The finds and counts of the express lane that read several documents: see _express_find.pyx.

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element
from secantus_server.storage._unit cimport RecoveryUnit
from secantus_server.work._express_reply cimport ReplyWriter

# Append all documents of a small collection to the reply's batch, or their count.
cdef int scan_collection(RecoveryUnit unit, collection, bint counts, int limit, ReplyWriter reply, usage) except -1
# Append the documents that equal a value at the path of a SoleIndex. `key` is a buffer, and `check` raises an error if the operation was killed.
cdef int scan_index(
    RecoveryUnit unit, int records_ident, sole, const Element* value, Writer key, int limit, ReplyWriter reply, usage, check
) except -1
