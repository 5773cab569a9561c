"""The undo log of the innermost open snapshot."""

class UndoLog:
    """What every recovery unit of an engine writes to before it writes."""

    recording: bool
    oplog_written: bool
    def record_into(self, values: tuple[dict[bytes, bytes | None], ...], watermark: int, oplog_written: bool) -> None:
        """Start to record."""
    def stop(self) -> None:
        """No snapshot is open any more."""
