# cython: language_level=3, boundscheck=False, wraparound=False
"""The wait of a change stream's getMore in the express lane. The thread that commits the next change sends its event to the client.

Waking a thread takes longer than committing a change, and so does the general path of a getMore. So the committing thread builds the reply
and sends it over the waiting connection, whose thread wakes up afterwards. This requires a stream without options and stages that has
returned all earlier events, and a commit of one change that `simple_event` supports. In all other cases, and when the command or its cursor
is killed, the connection's thread wakes up and runs the command in the general path.

The waiter at the cursor's watch decides who may use the cursor and the transport: whoever takes it from there. The connection's thread uses
neither until `woken` is released.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport read_int64
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT, BSON_LONG
from secantus_server.dispatch._operation cimport Operation
from secantus_server.oplog._write_signal cimport Claims
from secantus_server.work._express_reply cimport ReplyWriter
from secantus_server.work._plain_message cimport Parts, text_of
from secantus_server.work.change_streams._event_reply cimport EventReply, draft_of
from secantus_server.work.change_streams._simple_events cimport put_event

from secantus_server.differences import CHANGE_STREAM_ROLE
from secantus_server.dispatch.error_labels import label_change_stream_error
from secantus_server.errors import CommandError
from secantus_server.system._threads import Lock
from secantus_server.wire.message import Unfinished

cdef enum:
    # The maximum size of the events that are sent without being read.
    MOST_BYTES = 4194304


cdef class StreamWait:
    """A getMore that waits for an event; implements `oplog._write_signal.Waiter`."""

    def wake(self):
        """Wake the connection's thread, which then continues the command."""
        self.woken.release()

    def wait(self):
        """Wait for the reply. The connection's thread calls this method.

        Returns:
            the bytes that are still to be sent; or None if the general path must continue the command, see `Express.unfinished`.
        """
        cdef double left = self.deadline - self.services.clock.monotonic()
        if not self.woken.acquire(timeout=max(left, 0.0)):
            # Every commit up to this time has notified the watch.
            newest = self.oplog.newest_stamp
            if self.watch.withdraw(self):
                return self.empty_reply(newest)
            self.woken.acquire()
        return self.rest if self.is_answered else self.pass_on()

    cdef bint end(self) except -1:
        if not self.watch.withdraw(self):
            return False
        self.unregister(False)
        return True

    cdef object pass_on(self):
        """Leave the command to the general path, which waits until the same deadline."""
        error = self.operation.killed if self.operation.killed is not None else self.cursor.killed
        if error is not None:
            label_change_stream_error(error)
        self.unregister(error is not None)
        self.lane.unfinished = Unfinished(error, None, began=self.began)
        return None

    cdef bytes empty_reply(self, newest):
        """Return the reply at the deadline; None if the general path must continue the command."""
        cdef bytes data
        cdef bytes token
        if self.watch.stale or self.operation.killed is not None or self.cursor.killed is not None:
            return self.pass_on()
        self.cursor.pass_over(newest)
        token = self.cursor.resume_text.encode("ascii")
        self.begin_reply(self.reply)
        data = self.end_reply(self.reply, PyBytes_AS_STRING(token), PyBytes_GET_SIZE(token))
        self.unregister(False)
        self.finish()
        return data

    cdef int begin_reply(self, ReplyWriter reply) except -1:
        """Begin the reply, up to the first event."""
        cdef Writer out = reply.out
        reply.begin()
        out.put_name(BSON_DOCUMENT, b"cursor", 6)
        self.cursor_at = out.open()
        out.put_name(BSON_ARRAY, b"nextBatch", 9)
        self.batch_at = out.open()
        return 0

    cdef bytes end_reply(self, ReplyWriter reply, const char* token, Py_ssize_t length):
        """Return the reply, with the digits of the resume token after its events."""
        cdef Writer out = reply.out
        cdef bytes namespace = self.namespace
        cdef size_t inner
        out.close(self.batch_at)
        out.put_name(BSON_LONG, b"id", 2)
        out.put_int64(self.cursor_id)
        out.put_string(b"ns", 2, PyBytes_AS_STRING(namespace), PyBytes_GET_SIZE(namespace))
        out.put_name(BSON_DOCUMENT, b"postBatchResumeToken", 20)
        inner = out.open()
        out.put_string(b"_data", 5, token, length)
        out.close(inner)
        out.close(self.cursor_at)
        reply.end()
        return reply.framed(self.raw, next(self.request_ids))

    cdef int unregister(self, bint done) except -1:
        """Remove the operation and check the cursor in; close the cursor if `done` is set."""
        self.operation.wake = self.operation.notes = None
        self.running.pop(self.operation.opid, None)
        self.cursors.give_back(self.cursor, done)
        return 0

    cdef int finish(self) except -1:
        """Count the command."""
        self.client.usage.returned += self.returned
        self.client.usage.record(self.counted, "getmore", self.seconds)
        return 0

    cdef bint answer_insert(self, Claims claims, Writer scratch) except -1:
        """Build the reply with the event of an inserted document, like `answer`, from the last one; return 0 if that is not possible."""
        cdef EventReply draft = self.reader.draft
        cdef bytes data
        if draft is None or self.operation.killed is not None or self.cursor.killed is not None or not self.is_new(claims.stamp):
            return 0
        if PyBytes_GET_SIZE(<bytes>claims.change[1]) > MOST_BYTES:
            return 0
        data = draft.message(claims, self.oplog, scratch, self.raw, self.request_ids)
        if data is None:
            return 0
        self.rest = data
        self.note_events(1, claims.stamp, draft.token_text(data))
        self.unregister(False)
        self.is_answered = True
        return 1

    cdef int answer(self, list kept, ReplyWriter reply, Writer token) except -1:
        """Build the reply with the events of some changes; return 0 if the general path must read the events.

        Arguments:
            reply, token: buffers of the calling thread. Those of the waiting connection may be in another core's cache.
        """
        cdef tuple change
        cdef int count = 0
        if self.operation.killed is not None or self.cursor.killed is not None:
            return 0
        self.begin_reply(reply)
        for change in kept:
            if not self.put_event(reply, token, count, change):
                return 0
            count += 1
        self.rest = self.end_reply(reply, <const char*>token.buffer, token.size)
        self.note_events(count, change[0], token.buffer[: token.size].decode("ascii"))
        self.unregister(False)
        self.is_answered = True
        return 1

    cdef bint put_event(self, ReplyWriter reply, Writer token, int position, tuple kept) except -1:
        """Append the event of a kept change; return 0 if the event is not to be returned, or if it is not simple or very large."""
        cdef Writer out = reply.out
        cdef uint64_t stamp = kept[0]
        cdef tuple change = kept[3]
        if not self.is_new(stamp) or out.size + PyBytes_GET_SIZE(<bytes>change[1]) > MOST_BYTES:
            return False
        reply.put_position(position)
        return put_event(out, token, kept[2], change, stamp, kept[1])

    cdef bint is_new(self, uint64_t stamp) except -1:
        """Return whether the event of a commit is to be returned."""
        return stamp > self.rows.position and (stamp > self.oplog.undone_to or not self.oplog.is_undone(stamp))

    cdef int note_events(self, int count, uint64_t stamp, str text) except -1:
        """Record that the events are sent without being read from the oplog. The cursor is plain, see `ChangeStreamCursor.is_plain`.

        Arguments:
            stamp: the time of the last event's commit, which consists of one change, as a 64-bit number.
            text: the last event's token as hexadecimal digits.
        """
        self.rows.position = stamp
        self.reader.parsed_token = None
        self.reader.token_text = self.reader.resume_text = text
        self.cursor.given += count
        self.cursor.batches += 1
        self.returned = count
        return 0


cdef Operation new_operation(services, client, str db, Parts* parts, bytes raw):
    """Return the operation of a getMore, which is not yet registered."""
    cdef Operation operation
    operation = Operation(services.clock, services.operations.new_id(), client.connection_id, db, None, (), services.operations.new_notes, raw)
    if parts.lsid.start != NULL:
        operation.session = PyBytes_FromStringAndSize(<const char*>parts.lsid.value + 13, 16)
        services.sessions.use(operation.session)
    return operation


cdef StreamWait new_wait(lane, ReplyWriter reply, services, client, cursor, Operation operation):
    """Return the wait of a getMore, which does not wait yet."""
    cdef StreamWait one = StreamWait.__new__(StreamWait)
    one.services, one.oplog, one.client, one.lane, one.reply = services, services.oplog, client, lane, reply
    one.cursor, one.reader, one.rows, one.watch, one.operation = cursor, cursor.reader, cursor.reader.rows, cursor.watch, operation
    one.running, one.cursors = services.operations.running, services.cursors
    one.namespace, one.cursor_id = cursor.namespace.encode("ascii"), cursor.id
    one.woken = Lock()
    one.woken.acquire()
    one.began = operation.started
    return one


cdef StreamWait begin_wait(lane, ReplyWriter reply, Writer token, services, client, Parts* parts, bytes raw, request_ids, push):
    cdef StreamWait one
    cdef Operation operation
    cdef str db = text_of(&parts.db)
    cdef str name = text_of(&parts.query)
    interceptors = services.interceptors.lane
    cursor = services.cursors.peek(read_int64(parts.name.value))
    if cursor is None or not cursor.is_plain or interceptors.logs or interceptors.threshold_s <= 0:
        return None
    if services.release.has(CHANGE_STREAM_ROLE) or cursor.namespace != f"{db}.{name}":
        return None
    operation = new_operation(services, client, db, parts, raw)
    if cursor.session != operation.session:
        return None
    try:
        services.cursors.borrow(cursor.id)
    except CommandError:
        return None
    one = new_wait(lane, reply, services, client, cursor, operation)
    one.raw, one.request_ids, one.push, one.counted = raw, request_ids, push, (db, name, "getMore")
    one.deadline = one.began + parts.wait_ms / 1000.0
    operation.take_over(cursor.operation)
    operation.wake = (<object>one.watch).wake
    cursor.last_operation = operation
    one.running[operation.opid] = operation
    one.seconds = services.clock.monotonic() - one.began
    kept = one.watch.leave_waiter(one)
    if kept is None or 0 < parts.limit < len(kept) or (kept and not one.answer(kept, reply, token)):
        # The general path reads the events, or fails if the command has been killed in between.
        one.watch.wake()
        return one.pass_on()
    if kept:
        one.finish()
    return one


cdef int send_event(Claims claims, ReplyWriter reply, Writer token) except -1:
    cdef StreamWait one
    cdef bytes data
    cdef Py_ssize_t sent
    cdef bint is_drafted
    if claims.count == 0:
        return 0
    one = claims.pop()
    try:
        is_drafted = one.answer_insert(claims, token)
        if is_drafted or one.answer([claims.kept()], reply, token):
            data = one.rest
            sent = one.push(data)
            one.client.bytes_out += sent
            one.rest = data[sent:]
            one.finish()
            if not is_drafted:
                one.reader.draft = draft_of(claims, data, token)
    finally:
        if not one.is_answered:
            # The general path reads the event.
            one.watch.wake()
        one.woken.release()
        send_event(claims, reply, token)
    return 0
