# cython: language_level=3, boundscheck=False, wraparound=False
"""The transactions of sessions in the express lane (see `_express`): their beginning, their statements and their commit."""

from libc.stdint cimport int64_t

from secantus_server.dispatch._operation cimport Operation
from secantus_server.dispatch._transaction_steps cimport begin_transaction, commit_transaction, continue_transaction
from secantus_server.sessions._registries cimport RetryableWrite, SessionTransaction
from secantus_server.work._brief_work cimport BriefWork, open_brief
from secantus_server.work._express_statements cimport Statements
from secantus_server.work._plain_message cimport COMMIT

from secantus_server.differences import TRANSACTION_LIMIT
from secantus_server.dispatch.error_labels import TRANSIENT_CODES
from secantus_server.dispatch.parameters import parameter_value
from secantus_server.dispatch.session_statements import LIFETIME_LIMIT, check_limit
from secantus_server.errors import CommandError
from secantus_server.index.errors import DuplicateKey
from secantus_server.sessions.transactions import State
from secantus_server.storage import WriteConflict
from secantus_server.storage.errors import concerns_store
from secantus_server.work._express_find import Unusual
from secantus_server.work.session_work import failure_of

cdef object IN_PROGRESS = State.IN_PROGRESS


cdef class SessionStatements(Statements):
    """The state of the express lane, and the statements and commits of a session's transaction."""

    cdef int run_in_transaction(self, Operation operation, str name) except -1:
        """Run a statement of a session's transaction, or commit the transaction."""
        cdef SessionTransaction transaction = self.begun_transaction(operation.session)
        if not transaction.try_lock():
            raise Unusual()
        try:
            if self.message.parts.kind == COMMIT:
                return self.commit_transaction(transaction, operation)
            return self.run_statement(transaction, operation, name)
        finally:
            self.transactions.release(transaction)

    cdef SessionTransaction begun_transaction(self, bytes session):
        """Return the session's transaction that the message starts or continues."""
        cdef int64_t number = self.message.parts.number_value
        cdef RetryableWrite newest = self.retries.of(session)
        cdef SessionTransaction found = self.transactions.newest(session)
        if not self.message.parts.starts:
            if found is None or found.number != number or newest is None or newest.number != number:
                raise Unusual()
            return found
        if (newest is not None and number <= newest.number) or (found is not None and found.state is IN_PROGRESS):
            raise Unusual()
        self.read_limits()
        try:
            if self.is_limited:
                check_limit(self.services, session)
            self.begun = begin_transaction(self.services, session, number, self.lifetime_s)
        except CommandError as error:
            self.failure = error
            raise
        return self.begun

    cdef int read_limits(self) except -1:
        """Read the limits of transactions, unless they are those of the last transaction."""
        services = self.services
        if services.parameters is self.parameters and services.release is self.release and self.settings is self.limited_by:
            return 0
        self.parameters, self.release, self.limited_by = services.parameters, services.release, self.settings
        self.lifetime_s = parameter_value(services, LIFETIME_LIMIT)
        self.is_limited = self.release.has(TRANSACTION_LIMIT)
        return 0

    cdef int run_statement(self, SessionTransaction transaction, Operation operation, str name) except -1:
        """Run a statement of a transaction, whose lock is held. Abort the transaction if the statement must not run again."""
        cdef bint is_open = False
        transaction.enter(operation)
        try:
            self.enter_work(transaction, operation, name)
            is_open = True
            self.stage_statement(transaction, operation, name)
            if operation.killed is not None:
                raise Unusual()
        finally:
            self.work = self.statement = None
            transaction.leave(self.clock.monotonic())
            if self.failure is not None or operation.killed is not None:
                self.transactions.abort_held(transaction)
            elif is_open:
                transaction.work.leave()
        return 0

    cdef int enter_work(self, SessionTransaction transaction, Operation operation, str name) except -1:
        """Continue a transaction, or open it for its first statement."""
        work = transaction.work
        if work is not None or transaction.state is not IN_PROGRESS:
            continue_transaction(transaction, self.services)
            return 0
        if not self.namespaces.is_claimed((operation.db, name)):
            work = open_brief(self.services, transaction, operation.db, name, operation.check)
        if work is None:
            raise Unusual()
        transaction.work = work
        return 0

    cdef int stage_statement(self, SessionTransaction transaction, Operation operation, str name) except -1:
        """Run a statement in its transaction's unit of work, and write the reply.

        An error of the store or of the catalog is the command's failure, because such an error aborts the transaction.
        """
        cdef BriefWork work
        try:
            if type(transaction.work) is BriefWork:
                work = transaction.work
                if work.uses(operation.db, name):
                    self.work = work
                    return self.run_on(work.unit, work.collection, operation.db, name, None)
            if self.namespaces.is_claimed((operation.db, name)):
                raise Unusual()
            self.work = transaction.work.whole()
            self.statement = self.work.statement()
            collection = self.statement.catalog.find(operation.db, name)
            return self.run_on(self.statement.unit, collection, operation.db, name, None)
        except WriteConflict as error:
            self.failure = failure_of(self.services, error)
            raise
        except CommandError as error:
            if error.code in TRANSIENT_CODES or concerns_store(error):
                self.failure = error
            raise
        except (DuplicateKey, Unusual):
            raise
        except BaseException as error:
            # An unexpected error may leave a part of the statement's writes in the transaction.
            self.failure = error
            raise

    cdef int commit_transaction(self, SessionTransaction transaction, Operation operation) except -1:
        """Commit a transaction, whose lock is held, and write the reply."""
        if transaction.work is None or not transaction.work.is_brief:
            raise Unusual()
        transaction.operation = operation
        try:
            continue_transaction(transaction, self.services)
            try:
                commit_transaction(transaction, self.services)
            except CommandError as error:
                self.failure = error
                raise
        finally:
            transaction.operation = None
        self.committed = True
        self.reply.begin()
        return self.reply.end()
