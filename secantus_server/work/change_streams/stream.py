"""The reader of a change stream, which reads events from the oplog."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from secantus_server.bson import decode
from secantus_server.bson.values import timestamp_of
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.cluster_parameters import images_expire_before_ms
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.oplog.reader import Operation, Rows, history_lost, operations_of
from secantus_server.oplog.resume_tokens import Token, fragment_of, high_water_mark, parse_token
from secantus_server.pipeline.stages.change_stream import ChangeStreamOptions
from secantus_server.query.point import id_lookup
from secantus_server.work.change_streams._simple_events import LastEvent, simple_event
from secantus_server.work.change_streams.events import Event, EventMaker
from secantus_server.work.change_streams.scope import StreamScope
from secantus_server.work.change_streams.start import Start

_NO_OPTIONS = ChangeStreamOptions()


class ChangeStreamReader(LastEvent):
    """A reader of a change stream's events, which reads in a sequence of transactions.

    Attributes:
        rows: the oplog's rows. Their position advances past events that are sent without being read.
        ended: whether the last event invalidated the stream.
        at_end: whether the last transaction has read up to the end of the oplog.

    Arguments:
        services: the server.
        scope: the collection, database or cluster that the stream watches.
        options: the options of `$changeStream`.
        start: the start position of the stream.
        reading: the read scope, which supplies the transactions.
    """

    def __init__(self, services: Services, scope: StreamScope, options: ChangeStreamOptions, start: Start, reading: ReadScope) -> None:
        self._services = services
        self._reading = reading
        self._selection = scope.selection
        self.rows = Rows(start.position, self._selection)
        self._maker = EventMaker(scope, options, self._lookup, self._pre_image)
        self._resume = start.token
        self._skipped_fragments = 0
        # Whether `simple_event` may convert entries: the stream has no option that changes its events, and selects by exact namespaces.
        self._is_simple = (
            scope.collection is not None and options._replace(resume_after=None, start_after=None, start_at=None) == _NO_OPTIONS
        )
        # Operations, and events of other operations, that were read but whose events were not returned yet.
        self._pending: deque[Operation | Event] = deque()
        self._events: deque[Event] = deque()
        self._restores = services.oplog.restores
        self.parsed_token = start.token
        self.token_text = "" if start.token is None else start.token.text()
        self.resume_text = self.token_text or self.high_water_mark
        self.at_end = False
        self.ended = False

    @property
    def token(self) -> Token | None:
        """The token of the last event, or None before the first event. Events that are sent without being read only set `token_text`."""
        if self.parsed_token is None and self.token_text:
            self.parsed_token = parse_token(self.token_text)
        return self.parsed_token

    @property
    def high_water_mark(self) -> str:
        """The resume token for the current position, from which a client can resume without missing events."""
        return high_water_mark(self.rows.position + 1)

    def stands_at(self, text: str | None) -> bool:
        """Return whether `text` is the token of the last event and no later oplog entry has been read."""
        token = self.token
        return token is not None and text == self.token_text and self.rows.position <= token.stamp

    def pass_over(self, newest: int) -> None:
        """Advance the position to the time `newest`. No operation up to that time may affect the stream."""
        self.rows.position = max(self.rows.position, newest)

    @property
    def is_plain(self) -> bool:
        """Return whether no read operation is left, and `simple_event` may convert the next entry."""
        return self._is_simple and self._resume is None and not (self._pending or self._events or self.ended)

    def is_undone(self, token: Token) -> bool:
        """Return whether a restore of a snapshot has undone the change of the event with this token."""
        return self._services.oplog.is_undone(token.stamp)

    def events(self) -> Iterator[bytes]:
        """Yield the events that are visible in the current transaction, as BSON bytes.

        Raises:
            CommandError: 280 if the event of the resume token is not found, 286 if entries were removed before they were read, 47 if a
                required document image is missing, and the interruption's error if the operation is interrupted.
        """
        self.at_end = False
        if self.rows.position < self._services.oplog.trimmed_to:
            raise history_lost()
        self._drop_undone()
        rows = self.rows.read(self._reading.unit, self._reading.check)
        while not self.ended:
            while self._events:
                event = self._events.popleft()
                if self._skips(event):
                    continue
                self.parsed_token, self.token_text = event.token, event.text
                self.ended = event.token.from_invalidate
                yield event.document if isinstance(event.document, bytes) else event.document()
            if self._pending:
                one = self._pending.popleft()
                self._events.extend((one,) if isinstance(one, Event) else self._maker.events(one))
            elif not self._read_row(rows):
                self._check_past()
                self.at_end = True
                return

    def _read_row(self, rows: Iterator[list[tuple[int, bytes]]]) -> bool:
        """Read the operations in the next oplog row that may affect the stream. Return False if there is no such row."""
        entries = next(rows, None)
        if entries is None:
            return False
        for stamp, entry in entries:
            made = simple_event(entry, stamp) if self._is_simple else None
            if made is None:
                self._pending.extend(operations_of(self._reading.unit, stamp, entry, self._selection))
            else:
                document, text, identity = made
                self._pending.append(Event(Token(stamp, True, 0, False, identity), text, document))
        return True

    def _skips(self, event: Event) -> bool:
        """Return whether to skip an event because it precedes or equals the resume position."""
        if self._resume is None:
            return False
        if self._resume.means(event.token):
            self._resume = None
            return True
        if (fragment := fragment_of(self._resume, event.token)) is not None:
            self._resume, self._skipped_fragments = None, fragment + 1
            return False
        if event.token.stamp == self._resume.stamp and event.token.txn_index <= self._resume.txn_index:
            return True
        raise self._not_found(f"an event at {timestamp_of(event.token.stamp)}")

    def take_skipped_fragments(self) -> int:
        """Return the number of fragments of the last event that the client already has, and reset this number to 0."""
        skipped, self._skipped_fragments = self._skipped_fragments, 0
        return skipped

    def _check_past(self) -> None:
        """Raise if the resume token is later than the end of the oplog.

        An earlier token whose event is not found raises an error when the next event is read.

        Raises:
            CommandError: 280 ChangeStreamFatalError.
        """
        if self._resume is not None and self._resume.stamp > self._services.oplog.newest_stamp:
            raise self._not_found("the end of the oplog")

    def _not_found(self, at: str) -> CommandError:
        text = "" if self._resume is None else self._resume.text()
        return fatal(f'cannot resume stream; the resume token was not found. {{_data: "{text}"}} precedes {at}')

    def _drop_undone(self) -> None:
        """Discard buffered operations that a restore of a snapshot has undone in the meantime."""
        oplog = self._services.oplog
        if self._restores != oplog.restores:
            self._restores = oplog.restores
            self._events.clear()
            self._pending = deque(
                one for one in self._pending if not oplog.is_undone(one.token.stamp if isinstance(one, Event) else one.stamp)
            )

    @property
    def _catalog(self) -> CatalogView:
        return self._reading.catalog or self._services.catalog.view

    def _lookup(self, db: str, name: str, uuid: object, key: bytes) -> bytes | None:
        """Return the current version of a document, or None if the document or its collection no longer exists."""
        collection = self._catalog.find(db, name)
        if collection is None or collection.is_view or (uuid is not None and collection.uuid != uuid):
            return None
        found = id_lookup(collection, decode(key)["_id"]).first(self._reading.unit)
        return None if found is None else found[1]

    def _pre_image(self, operation: Operation) -> bytes | None:
        image = operation.fields.get("$pre")
        if image is None or operation.wall.ms < images_expire_before_ms(self._services):
            return None
        found: bytes = image.data
        return found


def fatal(message: str) -> CommandError:
    """Return the error for a change stream that cannot continue and cannot be resumed."""
    return CommandError(280, message, labels=("NonResumableChangeStreamError",))
