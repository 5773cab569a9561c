"""Settings: the config file, the flags, their precedence, and invalid values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from secantus_server.cli import SUBCOMMANDS, load_settings, main
from secantus_server.config.effective import load
from secantus_server.config.file import default_paths, read_config
from secantus_server.config.flags import COMMANDS, build_parser
from secantus_server.config.quantities import megabytes, seconds
from secantus_server.config.schema import ENTRIES, Entry
from secantus_server.config.table import with_table
from secantus_server.settings import Settings, SettingsError, tls_settings

PAGE = Path(__file__).parent.parent.parent / "docs" / "config.md"


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_defaults() -> None:
    settings = load_settings([])
    assert settings == Settings()
    assert (settings.host, settings.port, settings.storage_path, settings.replica_set) == (
        "127.0.0.1",
        27017,
        "./secantus-data",
        "secantus",
    )


def test_the_file_of_the_working_directory(empty_directory: Path) -> None:
    write(
        empty_directory / "secantusdb.toml",
        '[server]\nport = 1234\nlog_level = "debug"\nsession_max = 100\n[storage]\ncache_size = "4G"\nsync_on_commit = true\n'
        "[oplog]\nretention_seconds = 86400.0\nnoop_heartbeat_seconds = 10.0\n",
    )
    settings = load_settings([])
    assert (settings.port, settings.log_level, settings.session_max) == (1234, "debug", 100)
    assert (settings.cache_size_mb, settings.sync_on_commit) == (4096, True)
    assert (settings.oplog_retention_s, settings.oplog_noop_heartbeat_s) == (86400, 10)


def test_the_places_of_the_file(empty_directory: Path) -> None:
    assert [str(path) for path in default_paths()] == [
        "secantusdb.toml",
        str(empty_directory / "home" / ".config" / "secantus" / "secantusdb.toml"),
        "/etc/secantus/secantusdb.toml",
    ]
    write(default_paths()[1], "[server]\nport = 4321\n")
    assert load_settings([]).port == 4321
    write(default_paths()[0], "[server]\nport = 1234\n")
    assert load_settings([]).port == 1234


@pytest.mark.parametrize("level", ["INFO", "Warning", "error"])
def test_a_log_level_is_taken_in_any_case(level: str, empty_directory: Path) -> None:
    assert load_settings(["--log-level", level]).log_level == level.lower()
    write(empty_directory / "secantusdb.toml", f'[server]\nlog_level = "{level}"\n')
    assert load_settings([]).log_level == level.lower()


def test_a_file_that_is_named_takes_its_place(empty_directory: Path) -> None:
    write(empty_directory / "secantusdb.toml", "[server]\nport = 1234\n")
    assert load_settings(["--config", write(empty_directory / "other.toml", '[server]\nhost = "::1"\n')]) == Settings(host="::1")


def test_flags_win_over_the_file(empty_directory: Path) -> None:
    write(empty_directory / "secantusdb.toml", '[server]\nport = 1234\nreplica_set = "file"\nstorage_path = "file"\n')
    settings = load_settings(["--port", "5", "--standalone"])
    assert (settings.port, settings.replica_set, settings.storage_path) == (5, "", "file")


def test_a_flag_turns_off_what_the_file_turns_on(empty_directory: Path) -> None:
    write(empty_directory / "secantusdb.toml", "[storage]\nsync_on_commit = true\n")
    assert load_settings([]).sync_on_commit
    assert not load_settings(["--no-sync-on-commit"]).sync_on_commit


def value_of(entry: Entry) -> Any:
    """Return a valid value other than the default."""
    if entry.choices:
        return next(choice for choice in reversed(entry.choices) if choice != entry.default)
    return {int: 7000, str: "text", bool: not entry.default}[type(entry.default)]


# The other settings that a setting requires.
NEEDED = {name: {"cert_file": "cert.pem"} for name in ("tls_mode", "tls_key_file", "tls_ca_file")}
NEEDED["tls_require_client_cert"] = {"cert_file": "cert.pem", "ca_file": "ca.pem"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_setting_has_a_flag_and_a_place_in_the_file(entry: Entry, empty_directory: Path) -> None:
    value, needed = value_of(entry), NEEDED.get(entry.name, {})
    written = entry.shown(value)
    others = [part for key, text in needed.items() for part in (f"--tls-{key.replace('_', '-')}", text)]
    for flag in entry.flags:
        line = [flag if value else flag.replace("--", "--no-", 1)] if type(value) is bool else [flag, written.strip('"')]
        assert getattr(load_settings([*others, *line]), entry.name) == value
    if entry.plain_flag is not None:
        assert getattr(load_settings([entry.plain_flag, str(value)]), entry.name) == value
    lines = "".join(f'{key} = "{text}"\n' for key, text in needed.items())
    write(empty_directory / "secantusdb.toml", f"[{entry.section}]\n{entry.key} = {written}\n{lines}")
    assert getattr(load_settings([]), entry.name) == value


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--tls-mode", "requireTLS"], "tls_mode = requireTLS needs a certificate: set tls_cert_file."),
        (["--tls-key-file", "key.pem"], "tls_key_file has no effect without tls_cert_file."),
        (["--tls-ca-file", "ca.pem"], "tls_ca_file has no effect without tls_cert_file."),
        (["--tls-cert-file", "a", "--tls-require-client-cert"], "tls_require_client_cert needs tls_ca_file"),
    ],
)
def test_settings_that_need_others(flags: list[str], expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(flags)
    assert str(caught.value).startswith(expected)


def test_a_flag_completes_the_file(empty_directory: Path) -> None:
    write(empty_directory / "secantusdb.toml", '[tls]\nrequire_client_cert = true\nca_file = "ca.pem"\n')
    settings = load_settings(["--tls-cert-file", "cert.pem"])
    assert settings.tls_require_client_cert
    assert (settings.takes_tls, settings.requires_tls) == (True, True)


@pytest.mark.parametrize(
    ("mode", "takes", "requires"),
    [("", True, True), ("disabled", False, False), ("allowTLS", True, False), ("preferTLS", True, False), ("requireTLS", True, True)],
)
def test_modes_of_encryption(mode: str, takes: bool, requires: bool) -> None:
    settings = Settings(tls_mode=mode, tls_cert_file="cert.pem").check_together()
    assert (settings.takes_tls, settings.requires_tls) == (takes, requires)


def test_encryption_is_off_without_a_certificate() -> None:
    assert not Settings().check_together().takes_tls


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ({"cert": "a"}, "tls: unknown key 'cert'; the keys are mode, cert_file, key_file, ca_file, require_client_cert, min_version."),
        ({}, "tls needs a cert_file."),
        ({"cert_file": 5}, "tls_cert_file must be a string, not 5."),
        ({"cert_file": "a", "mode": "on"}, "tls_mode must be one of disabled, allowTLS, preferTLS, requireTLS, not 'on'."),
    ],
)
def test_the_argument_tls(tls: dict[str, Any], expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**tls_settings(tls))
    assert str(caught.value) == expected


def test_the_argument_tls_takes_paths(tmp_path: Path) -> None:
    assert tls_settings({"cert_file": tmp_path / "a", "require_client_cert": True}) == {
        "tls_cert_file": str(tmp_path / "a"),
        "tls_require_client_cert": True,
    }
    assert tls_settings(None) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[server]\nprot = 5\n", "[server] has an unknown key 'prot'; did you mean 'port'?"),
        ("[server]\nzzz = 5\n", "[server] has an unknown key 'zzz'; the possible names are"),
        ("[server]\ncache_size = 5\n", "[server] has no key 'cache_size': write it as [storage] cache_size."),
        ("[storage]\ncache_size_mb = 5\n", "[storage] has no key 'cache_size_mb': write it as [storage] cache_size."),
        ("[sever]\nport = 5\n", "unknown section 'sever'; did you mean 'server'?"),
        ("port = 5\n", "port is outside the sections of the config file: write it as [server] port."),
        ("cache_size_mb = 5\n", "cache_size_mb is outside the sections of the config file: write it as [storage] cache_size."),
        ("oplog_min_retention_hours = 5\n", "write it as [oplog] retention_seconds."),
        ("prot = 5\n", "unknown setting 'prot'; did you mean 'port'?"),
        ("oplog = 5\n", "oplog must be a section, [oplog], not a value."),
        ('[server]\nport = "5"\n', "[server] port must be a whole number, not '5'."),
        ("[server]\nport = 70000\n", "[server] port must be between 0 and 65535, not 70000."),
        ("[server]\nport = true\n", "[server] port must be a whole number, not True."),
        ("[server]\nsession_max = 1\n", "[server] session_max must be at least 20, not 1."),
        ("[storage]\ncache_size = 64\n", "[storage] cache_size must be a size with a unit"),
        ("[storage]\nsync_on_commit = 1\n", "[storage] sync_on_commit must be true or false, not 1."),
        ("[oplog]\nretention_seconds = -1\n", "[oplog] retention_seconds must be a number of seconds or a duration"),
        ("[server]\nport = \n", "is not valid TOML"),
        ("[server]\nport = 5\nport = 6\n", "is not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_read(text: str, expected: str, empty_directory: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_config(write(empty_directory / "bad.toml", text))
    assert expected in str(caught.value)
    assert "bad.toml" in str(caught.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match=r"cannot read the config file none.toml: No such file or directory"):
        read_config("none.toml")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"port": "5"}, "port must be a whole number, not '5'."),
        ({"port": True}, "port must be a whole number, not True."),
        ({"port": 65536}, "port must be between 0 and 65535, not 65536."),
        ({"port": -1}, "port must not be negative: -1."),
        ({"sync_on_commit": 1}, "sync_on_commit must be true or false, not 1."),
        ({"host": 5}, "host must be a string, not 5."),
        ({"host": ""}, "host must be a host name or an address to listen on."),
        ({"storage_path": ""}, "storage_path must be a directory or ':memory:'."),
        ({"log_level": "loud"}, "log_level must be one of debug, info, warning, error, not 'loud'."),
        ({"max_connections": -1}, "max_connections must not be negative: -1."),
    ],
)
def test_values_that_cannot_be(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**values)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "size"),
    [("64M", 64), ("4G", 4096), ("1.5 GB", 1536), ("2GiB", 2048), ("1t", 1024**2), ("2048K", 2), ("1048576B", 1), (0, 0), ("0", 0)],
)
def test_sizes(text: Any, size: int) -> None:
    assert megabytes("x", text) == size


@pytest.mark.parametrize("text", ["64", 64, "M", "", "4X", "-4G", "1K", "1.0001M", True, None, [1]])
def test_sizes_that_cannot_be(text: Any) -> None:
    with pytest.raises(SettingsError, match=r"^x must be"):
        megabytes("x", text)


@pytest.mark.parametrize(
    ("text", "duration"), [(5, 5), (86400.0, 86400), ("5", 5), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("7d", 604800), ("2000ms", 2)]
)
def test_durations(text: Any, duration: int) -> None:
    assert seconds("x", text) == duration


@pytest.mark.parametrize("text", [0.5, "10ms", "5w", "", "s", -1, True, None, "1h30m"])
def test_durations_that_cannot_be(text: Any) -> None:
    with pytest.raises(SettingsError, match=r"^x must be"):
        seconds("x", text)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--prot", "5"], "unrecognized arguments: --prot 5; did you mean --port?\n"),
        (["--port", "x"], "argument --port: 'x' is not a whole number"),
        (["--console", "abc"], "argument --console: 'abc' is not a whole number"),
        (["--port"], "argument --port: expected one argument"),
        (["--log-level", "loud"], "argument --log-level: invalid choice: 'loud'"),
        (["--po", "5"], "unrecognized arguments: --po 5"),
        (["data"], "unrecognized arguments: data\n"),
        (["statsu"], "unrecognized arguments: statsu; did you mean status?\n"),
        (["restore", "a.tar.gz"], "unrecognized arguments: restore a.tar.gz; secantusdb-restore-archive restores a backup\n"),
        (["--cache-size", "5"], "argument --cache-size: the value must be a size with a unit"),
        (["--oplog-min-retention-hours", "5"], "--oplog-min-retention-hours is now --oplog-retention-seconds"),
    ],
)
def test_flags_that_cannot_be(arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        load_settings(arguments)
    assert caught.value.code == 2
    errors = capsys.readouterr().err
    assert expected in errors
    assert len(errors.splitlines()) == 3


def test_the_usage_names_every_subcommand() -> None:
    assert sorted(SUBCOMMANDS) == sorted(COMMANDS)


def test_a_setting_that_cannot_be_ends_the_daemon_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "70000"]) == 2
    assert capsys.readouterr().err == "secantusdb: --port must be between 0 and 65535, not 70000.\n"


def test_check_config(empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(empty_directory / "secantusdb.toml", "[server]\nport = 5\n")
    assert main(["--check-config"]) == 0
    assert capsys.readouterr().out == "The configuration is valid (config file: secantusdb.toml).\n"
    write(Path(path), "[server]\nport = 70000\n")
    assert main(["--check-config"]) == 2
    assert capsys.readouterr().err == "secantusdb: secantusdb.toml: [server] port must be between 0 and 65535, not 70000.\n"


def test_check_config_reads_the_certificates(empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(empty_directory / "secantusdb.toml", '[tls]\ncert_file = "missing.pem"\n')
    assert main(["--check-config"]) == 2
    assert capsys.readouterr().err == "secantusdb: Cannot read tls_cert_file missing.pem: No such file or directory.\n"


def test_print_config(empty_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(empty_directory / "secantusdb.toml", '[server]\nhost = "::1"\n[storage]\ncache_size = "1536M"\n')
    assert main(["--print-config", "--port", "5", "--sync-on-commit"]) == 0
    text = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in (
        "# config file: secantusdb.toml",
        'host = "::1" # secantusdb.toml',
        "port = 5 # --port",
        'cache_size = "1536M" # secantusdb.toml',
        "sync_on_commit = true # --sync-on-commit",
        'log_level = "info" # default',
    ):
        assert line in lines
    shown = write(empty_directory / "shown.toml", text)
    assert load_settings(["--config", shown]) == load(["--port", "5", "--sync-on-commit"], "").settings


def test_help_names_every_setting_with_its_default() -> None:
    text = " ".join(build_parser("1").format_help().split())
    for entry in ENTRIES:
        assert entry.flags[0] in text
    for part in ("(default: 27017)", "(default: ./secantus-data)", "(default: secantus)", "Flags override the config file"):
        assert part in text


def test_the_table_of_the_page_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "run python -m secantus_server.config.table docs/config.md"


def test_an_ephemeral_server(empty_directory: Path) -> None:
    write(empty_directory / "secantusdb.toml", '[server]\nport = 1234\nstorage_path = "data"\nlog_level = "error"\n')
    effective = load(["--ephemeral", "--print-uri"], "1")
    assert (effective.asked["ephemeral"], effective.asked["print_uri"]) == (True, True)
    assert effective.settings == Settings(port=0, storage_path=":memory:", log_level="error", enable_test_commands=True)
    assert effective.origins["port"] == "--ephemeral"
    other = load(["--ephemeral", "--port", "5"], "1")
    assert (other.settings.port, other.origins["port"]) == (5, "--port")
    with pytest.raises(SettingsError, match="leave out --storage-path"):
        load(["--ephemeral", "--storage-path", "data"], "1")
    assert "ephemeral" not in load([], "1").asked
