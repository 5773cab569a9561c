from secantus_server.dispatch.topology import Topology
from secantus_server.oplog.oplog import Oplog

class ReplyWriter:
    def __init__(self, oplog: Oplog, topology: Topology) -> None: ...
