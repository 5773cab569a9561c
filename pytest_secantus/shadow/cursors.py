"""Pairs of cursors: one on our server, and its counterpart on the shadow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bson.int64 import Int64

from pytest_secantus.shadow.equality import Aside, Comparison, Mismatch
from pytest_secantus.shadow.replies import comparable_results
from pytest_secantus.shadow.results import Order, compare_results, missing_result, without_cut
from secantus_server.bson import decode

if TYPE_CHECKING:
    from pytest_secantus.shadow.client import ShadowClient

#: The maximum number of getMore commands that read the rest of a cursor on the shadow.
_MOST_BATCHES: Final = 100


@dataclass
class PairedCursor:
    """A cursor on both servers, with the results that each has returned so far.

    Arguments:
        name: the command that opened the cursor.
        text: that command in mongosh syntax.
        sent: that command as sent to the shadow.
        db: the database's name on the shadow.
        session: the id of the cursor's session, or an empty value.
        order: how far the order of the results is defined.
        is_open: whether the cursor is open on our server.
        their_id: the cursor's id on the shadow, or 0 if it is exhausted there.
        write_count: the number of writes that were sent before the cursor was opened.
    """

    name: str
    text: str
    sent: dict[str, Any]
    db: str
    session: bytes
    order: Order
    write_count: int
    is_open: bool = True
    their_id: int = 0
    collection: str = ""
    ours: list[Any] = field(default_factory=list)
    theirs: list[Any] = field(default_factory=list)

    def take_ours(self, reply: dict[str, Any], database: str) -> None:
        """Add the results in our server's reply to this cursor's results."""
        cursor = reply["cursor"]
        self.is_open = bool(cursor["id"])
        self.ours += comparable_results(self.name, _batch_of(cursor), database)

    def take_theirs(self, reply: dict[str, Any]) -> None:
        """Add the results in the shadow's reply to this cursor's results."""
        cursor = reply["cursor"]
        self.their_id = cursor["id"]
        self.collection = cursor["ns"].partition(".")[2]
        self.theirs += comparable_results(self.name, _batch_of(cursor), self.db)

    def read_rest(self, client: ShadowClient, aside: Aside) -> bool:
        """Read the remaining results from the shadow's cursor; return whether the cursor was exhausted."""
        for _ in range(_MOST_BATCHES):
            if not self.their_id:
                return True
            reply = self._more(client, aside)
            if not reply["ok"]:
                return False
            self.take_theirs(reply)
        return False

    def _more(self, client: ShadowClient, aside: Aside) -> dict[str, Any]:
        command = {"getMore": Int64(self.their_id), "collection": self.collection}
        return decode(aside.from_shadow(client.run(self.db, command, self.session)))

    def compare(self, client: ShadowClient, aside: Aside, write_count: int) -> Mismatch | None:
        """Compare the results of a cursor that is exhausted on our server; return the first difference, or None."""
        if not self.read_rest(client, aside):
            return None
        found = compare_results(self.ours, self.theirs, self.order, aside, self.path)
        if found is None or not self.order.is_cut or self.order.keys is not None or write_count != self.write_count:
            return found
        return self._compare_with_all(client, aside, found)

    def _compare_with_all(self, client: ShadowClient, aside: Aside, found: Mismatch) -> Mismatch | None:
        """Compare results that are any N of a larger set, in undefined order.

        Return None if the complete set on the shadow contains all of our results.
        """
        command = without_cut(self.name, self.sent)
        if command is None:
            return None
        everything = PairedCursor(self.name, self.text, command, self.db, self.session, self.order, self.write_count)
        reply = decode(aside.from_shadow(client.run(self.db, command, self.session)))
        if len(self.ours) != len(self.theirs) or not reply["ok"]:
            return found
        everything.take_theirs(reply)
        if not everything.read_rest(client, aside):
            return None
        return missing_result(self.ours, everything.theirs, self.order, aside, self.path)

    def compare_part(self, client: ShadowClient, aside: Aside, write_count: int) -> Mismatch | None:
        """Compare the results that a cursor has returned so far, if it is not exhausted. Return the first difference, or None."""
        comparison = Comparison(aside, self.order.loose_arrays)
        if all(comparison.mismatch(*pair, "") is None for pair in zip(self.ours, self.theirs, strict=False)):
            return None
        # The rest of the shadow's results reflects the time of the command only if nothing was written since.
        if self.order.is_cut or write_count != self.write_count or not self.read_rest(client, aside):
            return None
        return missing_result(self.ours, self.theirs, self.order, aside, self.path)

    @property
    def path(self) -> str:
        """The path of the results within the reply."""
        return "cursor.firstBatch"


def _batch_of(cursor: dict[str, Any]) -> list[Any]:
    found: list[Any] = cursor.get("firstBatch", cursor.get("nextBatch", []))
    return found
