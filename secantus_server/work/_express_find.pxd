# The finds, counts and updates of the express lane that read several documents: see _express_find.pyx.

from secantus_server.bson._codec cimport Writer
from secantus_server.dispatch._operation cimport Counts
from secantus_server.index._index cimport Index
from secantus_server.storage._unit cimport RecoveryUnit
from secantus_server.work._express_reply cimport ReplyWriter
from secantus_server.work._plain_message cimport Parts

# Append all documents of a small collection to the reply's batch, or their count.
cdef int scan_collection(RecoveryUnit unit, collection, bint counts, int limit, ReplyWriter reply, Counts usage) except -1
# Append the documents that match an equality or a range, and return the SoleIndex by which they were found. `path` is the path of the query's
# only field, `key` is a buffer, and `check` raises an error if the operation was killed.
cdef object find_by_index(RecoveryUnit unit, collection, str path, const Parts* parts, Writer key, ReplyWriter reply, Counts usage, check)
# Append the documents that match an equality or a range in the order of another field, and return the index by which they were found.
# `shapes` contains the `SortedShape` of earlier finds.
cdef Index find_sorted(
    RecoveryUnit unit, collection, str path, const Parts* parts, Writer key, ReplyWriter reply, Counts usage, dict shapes, clock
)
# Return the index for an equality, pairs of a RecordId and a document, and the number of entries read.
cdef tuple targets_by_index(RecoveryUnit unit, collection, str path, const Parts* parts, Writer key)
