"""hostInfo. https://www.mongodb.com/docs/manual/reference/command/hostInfo/"""

from __future__ import annotations

import os
import platform
from typing import Any

from secantus_server.bson import int_value
from secantus_server.diagnostics.cores import usable_cores
from secantus_server.diagnostics.memory import memory_bytes, page_size
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request


@command("hostInfo", {}, privileges=on_cluster("hostInfo"))
def host_info(request: Request, _args: dict[str, Any]) -> Reply:
    """Return information about the server's machine and operating system."""
    memory_mb = max(memory_bytes() // 1048576, 1)
    system = {
        "currentTime": request.now,
        "hostname": platform.node() or "localhost",
        "cpuAddrSize": 64,
        "memSizeMB": int_value(memory_mb),
        "memLimitMB": int_value(memory_mb),
        "numCores": os.cpu_count() or 1,
        "numCoresAvailableToProcess": usable_cores(),
        "numPhysicalCores": os.cpu_count() or 1,
        "numCpuSockets": 1,
        "numNumaNodes": 1,
        "cpuArch": platform.machine() or "unknown",
        "numaEnabled": False,
    }
    os_info = {"type": platform.system(), "name": platform.system(), "version": platform.release()}
    extra = {"versionString": platform.version(), "pageSize": int_value(page_size()), **(_linux() if platform.system() == "Linux" else {})}
    return {"system": system, "os": os_info, "extra": extra}


def _linux() -> dict[str, Any]:
    """Return the fields of hostInfo that exist only on Linux."""
    return {
        "libcVersion": platform.libc_ver()[1],
        "kernelVersion": platform.release(),
        "numPages": int_value(os.sysconf("SC_PHYS_PAGES")),
        "maxOpenFiles": int_value(os.sysconf("SC_OPEN_MAX")),
    }
