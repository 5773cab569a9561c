# The wait of a change stream's getMore in the express lane: see _stream_wait.pyx.

from libc.stdint cimport int64_t, uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.cursors._registry cimport CursorRegistry, CursorState
from secantus_server.dispatch._operation cimport Operation
from secantus_server.oplog._commits cimport Commits
from secantus_server.oplog._read cimport Position
from secantus_server.oplog._write_signal cimport Claims, Watch
from secantus_server.work._express_reply cimport ReplyWriter
from secantus_server.work._plain_message cimport Parts
from secantus_server.work.change_streams._simple_events cimport LastEvent


cdef class StreamWait:
    cdef object services
    cdef Commits oplog
    cdef object client
    cdef object lane
    cdef ReplyWriter reply
    cdef bytes raw
    cdef object request_ids
    cdef object push
    cdef CursorState cursor
    cdef Watch watch
    cdef Operation operation
    # The key of the command's row in the connection's usage.
    cdef tuple counted
    cdef double began
    cdef double deadline
    cdef double seconds
    # A lock that is held until the wait ends.
    cdef object woken
    # The running commands, and the registry to which the cursor is given back.
    cdef dict running
    cdef CursorRegistry cursors
    # The cursor's reader, the rows that it reads, and the fields of its replies.
    cdef LastEvent reader
    cdef Position rows
    cdef bytes namespace
    cdef int64_t cursor_id
    # The positions of the cursor document and of its batch in the reply.
    cdef size_t cursor_at
    cdef size_t batch_at
    # The number of events in the reply.
    cdef int returned
    # Whether the reply was built, and the part of it that could not be sent at once.
    cdef bint is_answered
    cdef bytes rest

    # End the wait if no other thread has claimed it; return whether it was ended.
    cdef bint end(self) except -1
    cdef object pass_on(self)
    cdef bytes empty_reply(self, object newest)
    cdef int begin_reply(self, ReplyWriter reply) except -1
    cdef bytes end_reply(self, ReplyWriter reply, const char* token, Py_ssize_t length)
    cdef int unregister(self, bint done) except -1
    cdef int finish(self) except -1
    cdef int answer(self, list kept, ReplyWriter reply, Writer token) except -1
    cdef bint answer_insert(self, Claims claims, Writer scratch) except -1
    cdef bint put_event(self, ReplyWriter reply, Writer token, int position, tuple kept) except -1
    cdef bint is_new(self, uint64_t stamp) except -1
    cdef int note_events(self, int count, uint64_t stamp, str text) except -1


# Send the event of a committed change to the waiters that its commit has claimed. `reply` and `token` are buffers of the calling thread.
cdef int send_event(Claims claims, ReplyWriter reply, Writer token) except -1

# Begin the wait of a getMore, or answer it if there are kept changes; return None, without any effect, if the general path must run the command.
cdef StreamWait begin_wait(
    lane, ReplyWriter reply, Writer token, services, client, Parts* parts, bytes raw, request_ids, push
)
