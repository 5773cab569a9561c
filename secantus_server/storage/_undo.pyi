"""The undo log of the innermost open snapshot. It maps each key written since the snapshot to its value at the snapshot."""

class UndoLog:
    """The log in which every recovery unit records old values before it writes."""

    recording: bool
    oplog_written: bool
    def record_into(self, values: tuple[dict[bytes, bytes | None], ...], watermark: int, oplog_written: bool) -> None:
        """Start recording."""
    def stop(self) -> None:
        """Stop recording, because no snapshot is open."""
