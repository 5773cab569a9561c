# The transactions of sessions in the express lane, for other compiled modules: see _express_transactions.pyx.

from secantus_server.dispatch._operation cimport Operation
from secantus_server.sessions._registries cimport SessionTransaction
from secantus_server.work._express_statements cimport Statements

cdef class SessionStatements(Statements):
    cdef int run_in_transaction(self, Operation operation, str name) except -1
    cdef SessionTransaction begun_transaction(self, bytes session)
    cdef int read_limits(self) except -1
    cdef int run_statement(self, SessionTransaction transaction, Operation operation, str name) except -1
    cdef int enter_work(self, SessionTransaction transaction, Operation operation, str name) except -1
    cdef int stage_statement(self, SessionTransaction transaction, Operation operation, str name) except -1
    cdef int commit_transaction(self, SessionTransaction transaction, Operation operation) except -1
