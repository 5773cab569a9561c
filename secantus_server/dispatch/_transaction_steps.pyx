# cython: language_level=3
"""The steps that begin, continue and commit a multi-document transaction, for the general path and the express lane.

Compiled because many transactions consist of a few short statements, which take no longer than these steps.
"""

from secantus_server.sessions._registries cimport RetryableWrite, SessionTransaction, TransactionRegistry, WriteRegistry

from secantus_server.dispatch.transaction_numbers import too_old
from secantus_server.errors import CommandError
from secantus_server.sessions.transactions import State, aborted_error
from secantus_server.storage import WriteConflict

TRANSACTION_COMMITTED = 256

cdef object IN_PROGRESS = State.IN_PROGRESS
cdef object COMMITTED = State.COMMITTED
cdef object ABORTED = State.ABORTED


cpdef SessionTransaction begin_transaction(services, bytes session, number, double limit_s):
    """Begin a transaction of a session. If the session has an open transaction with an older number, abort it first.

    Arguments:
        limit_s: the maximum lifetime of the transaction in seconds.

    Raises:
        CommandError: 225 TransactionTooOld, 117 ConflictingOperationInProgress.
    """
    cdef WriteRegistry retries = services.sessions.retries
    cdef bint is_new = False
    cdef RetryableWrite newest = retries.register(session, number, True, &is_new)
    cdef SessionTransaction transaction
    if not is_new:
        if number < newest.number:
            raise too_old(session, number, newest.number)
        raise CommandError(117, "Only servers in a sharded cluster can start a new transaction at the active transaction number")
    transaction = SessionTransaction(session, number, <double>services.clock.elapsed() + limit_s)
    record(services, transaction, retries)
    return transaction


cdef int record(services, SessionTransaction transaction, WriteRegistry retries) except -1:
    """Register a new transaction. If the session has an open transaction with an older number, abort that transaction first.

    Raises:
        CommandError: 225 TransactionTooOld if the session has begun a newer transaction or retryable write in the meantime. If the
            operation is interrupted while a statement of the older transaction runs, the operation's error.
    """
    cdef TransactionRegistry transactions = services.sessions.transactions
    cdef SessionTransaction other = transactions.begin(transaction)
    cdef RetryableWrite newest
    number = transaction.number
    while other is not None:
        if other.number > number:
            raise too_old(transaction.session, number, other.number)
        transactions.abort_when_idle(other, services.engine.acquire_lock)
        other = transactions.begin(transaction)
    newest = retries.of(transaction.session)
    if newest is not None and newest.number > number:
        # The newer statement could not abort this transaction: it looked for open transactions before this one was registered.
        error = too_old(transaction.session, number, newest.number)
        transactions.abort(transaction, error)
        raise error
    return 0


cpdef continue_transaction(SessionTransaction transaction, services):
    """Continue a transaction, or open it for its first statement. The caller must hold the transaction's lock.

    Raises:
        CommandError: 251 NoSuchTransaction if the transaction was aborted, 256 TransactionCommitted if it was committed.
    """
    if transaction.state is not IN_PROGRESS:
        if transaction.state is ABORTED:
            raise aborted_error(transaction.number)
        raise CommandError(TRANSACTION_COMMITTED, f"Transaction with {{ txnNumber: {transaction.number} }} has been committed.")
    if transaction.work is None:
        transaction.work = services.open_transaction(transaction)
        return
    try:
        transaction.work.enter()
    except WriteConflict:
        # A snapshot restore has rolled it back.
        (<TransactionRegistry>services.sessions.transactions).abort_held(transaction)
        raise aborted_error(transaction.number) from None


cpdef commit_transaction(SessionTransaction transaction, services):
    """Commit a transaction, or abort it if an error occurs. The caller must have called `continue_transaction` and hold its lock.

    Raises:
        CommandError: 112 WriteConflict, or another error of the store.
    """
    state = ABORTED
    try:
        transaction.work.commit()
        state = COMMITTED
    finally:
        (<TransactionRegistry>services.sessions.transactions).finish(transaction, state)
