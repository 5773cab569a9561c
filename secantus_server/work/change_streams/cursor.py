"""The cursor of a change stream. A batch ends at the current end of the oplog, and each reply contains a resume token."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from secantus_server.bson.sizes import MAX_RESULT_BYTES, too_large
from secantus_server.cursors.cursor import MAX_BATCH_BYTES, Cursor
from secantus_server.exec.read_scope import ReadScope
from secantus_server.oplog._read import value_of
from secantus_server.oplog._write_signal import Watch
from secantus_server.oplog.resume_tokens import Token
from secantus_server.pipeline.run import Pipeline
from secantus_server.pipeline.stages.split_large_event import SplitLargeEvent
from secantus_server.work.change_streams.fragments import fragments_of
from secantus_server.work.change_streams.stream import ChangeStreamReader, fatal


class ChangeStreamCursor(Cursor):
    """A cursor over the events of a change stream.

    Arguments:
        reader: returns the events.
        pipeline: the user's stages after `$changeStream`, which process each event independently.
        watch: the signal that commits notify if they may affect the stream.
    """

    is_change_stream = True

    def __init__(
        self,
        namespace: str,
        reader: ChangeStreamReader,
        pipeline: Pipeline,
        scope: ReadScope,
        *,
        watch: Watch,
        session: bytes | None,
        comment: Any,
    ) -> None:
        super().__init__(namespace, iter(()), scope, session=session, tailable=True, await_data=True, watch=watch, comment=comment)
        self.reader = reader
        self._pipeline = pipeline
        self._left_over: tuple[bytes, Token, str] | None = None
        # The remaining fragments of a large event.
        self._split: deque[tuple[bytes, Token]] = deque()

    def reply_fields(self) -> dict[str, Any]:
        """Return `postBatchResumeToken`, from which a client can resume after this batch."""
        return {"postBatchResumeToken": {"_data": self.resume_text}}

    @property
    def resume_text(self) -> str:
        """The digits of `postBatchResumeToken`."""
        reader = self.reader
        if reader.resume_text is None:
            reader.resume_text = reader.high_water_mark
        return reader.resume_text

    @property
    def is_plain(self) -> bool:
        """Return whether all earlier events were returned, and the next event is the unchanged result of `simple_event`.

        The cursor also belongs to no transaction or snapshot, and its commands have no comment.
        """
        return (
            self.at_end
            and not self._pipeline.stages
            and self._left_over is None
            and not self._split
            and self.reader.is_plain
            and self.comment is None
            and self.transaction is None
            and self.snapshot is None
        )

    def pass_over(self, newest: int) -> None:
        """Advance the resume token to the cluster time `newest`. The oplog must contain no events for the stream up to that time."""
        self.reader.pass_over(newest)
        self._advance_token()

    def _fill(self, size: int) -> list[bytes]:
        batch: list[bytes] = []
        room = MAX_BATCH_BYTES
        events = self._events() if size > 0 else iter(())
        for event, token, text in events:
            room -= len(event)
            if room < 0 and batch:
                self._left_over = event, token, text
                break
            batch.append(event)
            self.reader.resume_text = text
            if len(batch) == size:
                break
        reader = self.reader
        kept = self._left_over is not None or bool(self._split)
        self.exhausted = reader.ended and not kept
        self.at_end = reader.at_end and not kept
        if self.at_end:
            self._advance_token()
        self.given += len(batch)
        self.batches += 1
        return batch

    def _advance_token(self) -> None:
        """Update the resume token when the end of the oplog is reached, as in MongoDB.

        If no entry was read after the last event, retain the event's token. Otherwise use the reader's high-water mark.
        """
        if not self.reader.stands_at(self.reader.resume_text):
            self.reader.resume_text = None

    def _events(self) -> Iterator[tuple[bytes, Token, str]]:
        """Return an iterator over the output of the pipeline, with each event's token.

        Each batch restarts the stages, because a generator that has reached the end of the oplog cannot continue.

        Raises:
            CommandError: 280 if the pipeline changed the `_id` of an event, 10334 if an event exceeds the size limit.
        """
        if self._left_over is not None:
            left, self._left_over = self._left_over, None
            if not self.reader.is_undone(left[1]):
                yield left
        if self._split and self.reader.is_undone(self._split[0][1]):
            self._split.clear()
        yield from self._rest_of_split()
        for event in self._pipeline.run(self.reader.events()):
            token = self.reader.token
            assert token is not None, "an event has a token"
            text = self.reader.token_text
            if self._pipeline.stages and value_of(event, b"_id") != {"_data": text}:
                raise fatal(
                    "Encountered an event whose _id field, which contains the resume token, was modified by the pipeline. Modifying the "
                    "_id field of an event makes it impossible to resume the stream from that point. Only transformations that retain the "
                    f'unmodified _id field are allowed. Expected: {{ _data: "{text}" }}'
                )
            skipped = self.reader.take_skipped_fragments()
            if len(event) <= MAX_RESULT_BYTES and not skipped:
                yield event, token, text
            elif self._splits:
                yield from self._fragments(event, token, skipped)
            else:
                raise too_large(len(event))

    @property
    def _splits(self) -> bool:
        stages = self._pipeline.stages
        return bool(stages) and isinstance(stages[-1], SplitLargeEvent)

    def _fragments(self, event: bytes, token: Token, skipped: int) -> Iterator[tuple[bytes, Token, str]]:
        """Yield the fragments of a large event, starting after the fragment at which the client resumes.

        If a batch ends between two fragments, `_split` contains the remaining ones for the next batch.
        """
        self._split.extend(fragments_of(event, token)[skipped:])
        yield from self._rest_of_split()

    def _rest_of_split(self) -> Iterator[tuple[bytes, Token, str]]:
        while self._split:
            fragment, own = self._split.popleft()
            yield fragment, own, own.text()
