# The steps of a multi-document transaction, for other compiled modules: see _transaction_steps.pyx.

from secantus_server.sessions._registries cimport SessionTransaction

cpdef SessionTransaction begin_transaction(services, bytes session, number, double limit_s)
cpdef continue_transaction(SessionTransaction transaction, services)
cpdef commit_transaction(SessionTransaction transaction, services)
