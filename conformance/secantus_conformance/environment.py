"""Facts about the server that are determined before any test runs: version, topology, parameters, and whether test commands are enabled."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from secantus_conformance.failures import UsageError

# The buildInfo fields in which other servers identify themselves, and the servers' names.
_VERSION_FIELDS = {"secantusVersion": "secantusdb", "ferretdb": "FerretDB"}

Address = tuple[str, int]


@dataclass(frozen=True)
class Environment:
    """The properties of a server, used to evaluate `runOnRequirements`.

    `uri` connects to the whole deployment, `direct_uri` to a single node.
    """

    uri: str
    direct_uri: str
    version: tuple[int, ...]
    topology: str
    auth: bool
    parameters: dict[str, Any] = field(default_factory=dict)
    product: str = ""

    @property
    def test_commands(self) -> bool:
        """Whether the server allows fail points."""
        return bool(self.parameters.get("enableTestCommands"))

    @property
    def hosts(self) -> list[str]:
        """The hosts in the URI."""
        return urlsplit(self.uri).netloc.rpartition("@")[2].split(",")

    def uri_of(self, address: Address) -> str:
        """Return the URI of one node with the same credentials and options. Omit `replicaSet`, which contradicts a direct connection."""
        host, port = address
        return self._with_hosts(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    def uri_of_first_host(self) -> str:
        """Return the URI of the first host in the deployment's URI."""
        return self._with_hosts(self.hosts[0])

    def _with_hosts(self, hosts: str) -> str:
        parts = urlsplit(self.uri)
        user, at, _ = parts.netloc.rpartition("@")
        query = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key.lower() != "replicaset"]
        return urlunsplit(parts._replace(netloc=f"{user}{at}{hosts}", path=parts.path or "/", query=urlencode(query)))

    def describe(self) -> dict[str, str]:
        """Return a description of the server for reports."""
        version = ".".join(map(str, self.version))
        return {"version": version, "topology": self.topology, "product": self.product or f"MongoDB {version}"}


def discover(uri: str, timeout: float = 10.0) -> Environment:
    """Connect to a server and return its properties.

    Raise UsageError if no server responds or the URI is malformed.
    """
    try:
        parse_uri(uri)
        with MongoClient[Any](uri, serverSelectionTimeoutMS=int(timeout * 1000), directConnection=_single_seed(uri)) as client:
            return _ask(client, uri)
    except (PyMongoError, ValueError, TypeError) as error:
        raise UsageError(f"No MongoDB server answers at {uri}: {_reason(error)}.") from error


def _single_seed(uri: str) -> bool:
    parsed = parse_uri(uri)
    return len(parsed["nodelist"]) == 1 and not parsed["fqdn"] and "loadbalanced" not in parsed["options"]


def _ask(client: MongoClient[Any], uri: str) -> Environment:
    hello, build = client.admin.command("hello"), client.admin.command("buildInfo")
    return Environment(
        uri=_deployment_uri(uri, hello),
        direct_uri=uri,
        version=_version(build),
        topology=_topology(hello),
        auth=bool(parse_uri(uri)["username"]),
        parameters=_parameters(client),
        product=_product(build),
    )


def _deployment_uri(uri: str, hello: dict[str, Any]) -> str:
    if "setName" not in hello or "replicaset" in parse_uri(uri)["options"] or "directconnection" in parse_uri(uri)["options"]:
        return uri
    base = uri if "?" in uri else uri.rstrip("/") + "/?" if uri.count("/") < 3 or uri.endswith("/") else uri + "?"
    return f"{base}{'' if base.endswith('?') else '&'}replicaSet={hello['setName']}"


def _topology(hello: dict[str, Any]) -> str:
    if hello.get("msg") == "isdbgrid":
        return "sharded"
    return "replicaset" if "setName" in hello else "single"


def _parameters(client: MongoClient[Any]) -> dict[str, Any]:
    try:
        return dict(client.admin.command({"getParameter": "*"}))
    except PyMongoError:
        return {}


def _version(build: dict[str, Any]) -> tuple[int, ...]:
    """Return the server's version. Parse it from the text, if the server does not report it as an array."""
    parts = build.get("versionArray") or [int(part) for part in re.findall(r"\d+", str(build.get("version", "")))]
    return tuple(parts[:3])


def _product(build: dict[str, Any]) -> str:
    named = [f"{name} {build[key]}" for key, name in _VERSION_FIELDS.items() if isinstance(build.get(key), str)]
    return f"{named[0]}, as MongoDB {build['version']}" if named else ""


def _reason(error: BaseException) -> str:
    """Return the text of a driver error without the driver's settings and topology description."""
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return re.split(r" \(configured timeouts|, Timeout: |, full error", said)[0].rstrip(".")[:300]
