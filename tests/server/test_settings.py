"""Precedence of settings (flags, config file, defaults), and invalid settings."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from secantus_server import cli
from secantus_server.cli import build_parser, load_settings, main
from secantus_server.settings import Settings, SettingsError, read_config, tls_settings


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> str:
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
    write(empty_directory / "secantusdb.toml", 'port = 1234\nlog_level = "debug"\nsync_on_commit = true\n')
    settings = load_settings([])
    assert (settings.port, settings.log_level, settings.sync_on_commit) == (1234, "debug", True)


def test_the_file_of_the_system_is_read_where_the_working_directory_has_none(
    empty_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = write(tmp_path / "system.toml", "port = 4321\n")
    monkeypatch.setattr(cli, "DEFAULT_CONFIGS", (cli.DEFAULT_CONFIGS[0], Path(system)))
    assert load_settings([]).port == 4321
    write(empty_directory / "secantusdb.toml", "port = 1234\n")
    assert load_settings([]).port == 1234
    assert cli.DEFAULT_CONFIGS[0] == Path("secantusdb.toml")


@pytest.mark.parametrize("level", ["INFO", "Warning", "error"])
def test_a_log_level_is_taken_in_any_case(level: str, empty_directory: Path) -> None:
    assert load_settings(["--log-level", level]).log_level == level.lower()
    write(empty_directory / "secantusdb.toml", f'log_level = "{level}"\n')
    assert load_settings([]).log_level == level.lower()


def test_a_file_that_is_named_takes_its_place(empty_directory: Path) -> None:
    write(empty_directory / "secantusdb.toml", "port = 1234\n")
    assert load_settings(["--config", write(empty_directory / "other.toml", 'host = "::1"\n')]) == Settings(host="::1")


def test_flags_win_over_the_file(empty_directory: Path) -> None:
    write(empty_directory / "secantusdb.toml", 'port = 1234\nreplica_set = "file"\nstorage_path = "file"\n')
    settings = load_settings(["--port", "5", "--standalone"])
    assert (settings.port, settings.replica_set, settings.storage_path) == (5, "", "file")


def test_access_control_has_a_short_name(empty_directory: Path) -> None:
    write(empty_directory / "secantusdb.toml", "auth = true\n")
    assert load_settings([]).require_auth
    assert not load_settings(["--no-auth"]).require_auth
    write(empty_directory / "secantusdb.toml", "auth = false\n")
    assert load_settings(["--auth"]).require_auth


# The settings with which a setting can be combined only.
NEEDED = {name: {"tls_cert_file": "cert.pem"} for name in ("tls_mode", "tls_key_file", "tls_ca_file")}
NEEDED["tls_require_client_cert"] = {"tls_cert_file": "cert.pem", "tls_ca_file": "ca.pem"}
VALUES: dict[str, Any] = {"port": 5, "log_level": "error", "tls_mode": "preferTLS", "tls_min_version": "1.3"}


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_every_setting_has_a_flag_and_a_place_in_the_file(field: Any, empty_directory: Path) -> None:
    value = VALUES.get(field.name, {str: "text", int: 7, bool: True}[type(field.default)])
    flag = f"--{field.name.replace('_', '-')}"
    needed = NEEDED.get(field.name, {})
    flags = [part for name, text in needed.items() for part in (f"--{name.replace('_', '-')}", text)]
    assert getattr(load_settings([*flags, flag] if value is True else [*flags, flag, str(value)]), field.name) == value
    written = f'"{value}"' if type(value) is str else str(value).lower()
    others = "".join(f'{name} = "{text}"\n' for name, text in needed.items())
    write(empty_directory / "secantusdb.toml", f"{field.name} = {written}\n{others}")
    assert getattr(load_settings([]), field.name) == value


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
    write(empty_directory / "secantusdb.toml", 'tls_require_client_cert = true\ntls_ca_file = "ca.pem"\n')
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
        ("prot = 5\n", "unknown setting 'prot'; did you mean 'port'?"),
        ('storage_pth = "x"\n', "unknown setting 'storage_pth'; did you mean 'storage_path'?"),
        ("zzz = 1\n", "unknown setting 'zzz'; the settings are host, port, storage_path"),
        ("[server]\nport = 5\n", "unknown setting 'server'"),
        ('port = "5"\n', "port must be a whole number, not '5'."),
        ("port = \n", "is not valid TOML"),
        ("port = 5\nport = 6\n", "is not valid TOML"),
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
    ("arguments", "expected"),
    [
        (["--prot", "5"], "unrecognized arguments: --prot 5"),
        (["--port", "x"], "argument --port: invalid int value: 'x'"),
        (["--port"], "argument --port: expected one argument"),
        (["--log-level", "loud"], "argument --log-level: invalid choice: 'loud'"),
        (["--po", "5"], "unrecognized arguments: --po 5"),
        (["data"], "unrecognized arguments: data"),
    ],
)
def test_flags_that_cannot_be(arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        load_settings(arguments)
    assert caught.value.code == 2
    assert expected in capsys.readouterr().err


def test_a_setting_that_cannot_be_ends_the_daemon_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "70000"]) == 2
    assert capsys.readouterr().err == "secantusdb: port must be between 0 and 65535, not 70000.\n"


def test_help_names_every_setting_with_its_default() -> None:
    text = " ".join(build_parser().format_help().split())
    for field in fields(Settings):
        assert f"--{field.name.replace('_', '-')}" in text
    for part in ("(default: 27017)", "(default: ./secantus-data)", "(default: secantus)", "Flags override the config file"):
        assert part in text


def test_the_page_of_the_config_file_names_every_setting() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "config.md").read_text(encoding="utf-8")
    for field in fields(Settings):
        default = f'"{field.default}"' if type(field.default) is str else str(field.default).lower()
        assert f"| `{field.name}` | `{default}` |" in page
