"""The files with the options of a connection, and the command line that names them."""

import re
from typing import Any

import pytest

from app import cli
from app.client import ConnectionOptions, Tls, read_headers, read_tls
from app.errors import AddressError
from app.private_files import PrivateFileError, is_open, read_private
from app.triton_options import connection_options
from tests.support.certificates import identities
from tests.support.files import ROOT


@pytest.fixture
def files(tmp_path):
    """Root, certificate and key, which is readable by its owner alone."""
    made = identities()
    contents = dict(zip(("root.pem", "certificate.pem", "key.pem"), (made.root, *made.client), strict=True))
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    return tuple(tmp_path / name for name in contents)


def private(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_tls_is_read_from_files(files):
    tls = read_tls(*files)
    assert [tls.root_certificates, tls.certificate_chain, tls.private_key] == [path.read_bytes() for path in files]
    assert "KEY" not in repr(tls)
    assert read_tls() == Tls()


def test_the_guide_s_example_of_a_connection(files, tmp_path, monkeypatch):
    for file, name in zip(files, ("roots.pem", "client.pem", "client.key"), strict=True):
        file.rename(tmp_path / name)
    private(tmp_path / "headers", "authorization: Bearer x")
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n([^`]*read_tls.*?)```", (ROOT / "docs/grpc.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "docs/grpc.md", "exec"), names)
    assert names["client"].options.headers == {"authorization": "Bearer x"}
    names["client"].close()


def test_wrong_files_are_named(files, tmp_path):
    root, certificate, key = files
    text = private(tmp_path / "text", "no certificate")
    other = private(tmp_path / "other", identities().client[1].decode())
    for arguments, sentence in (
        ((tmp_path / "none",), "none cannot be read"),
        ((text,), "root certificates are not in PEM format"),
        ((None, certificate), "certificate and its private key go together"),
        ((None, None, key), "certificate and its private key go together"),
        ((None, certificate, tmp_path / "none"), "none cannot be read"),
        ((None, certificate, other), "are not a pair"),
        ((root, text, key), "are not a pair"),
    ):
        with pytest.raises(AddressError, match=sentence):
            read_tls(*arguments)
    key.chmod(0o644)
    with pytest.raises(AddressError, match="Others on this machine may read"):
        read_tls(None, certificate, key)


def test_headers_are_read_from_a_file_of_the_operators_own(tmp_path):
    path = private(tmp_path / "headers", "Authorization: Bearer a:b\n\nx-tenant: 7\n")
    assert read_headers(path) == {"authorization": "Bearer a:b", "x-tenant": "7"}
    path.chmod(0o604)
    with pytest.raises(AddressError, match="Others on this machine may read"):
        read_headers(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no headers"),
        ("token", "header 1: write name: value"),
        ("a b: c", "'a b' is not the name of a header"),
        ("grpc-timeout: 1", "is not the name of a header"),
        ("trace-bin: x", "is not the name of a header"),
        ("x: sécret", "value of the header x has characters other than printable ASCII"),
    ],
)
def test_headers_that_cannot_be_sent_are_named(tmp_path, text, sentence):
    with pytest.raises(AddressError, match=sentence) as refused:
        read_headers(private(tmp_path / "headers", text))
    assert "sécret" not in str(refused.value)


@pytest.mark.parametrize("options", [{"timeout_s": 0}, {"keepalive_s": -1}, {"timeout_s": float("nan")}])
def test_times_are_positive(options):
    with pytest.raises(AddressError, match=f"{next(iter(options))} is .* seconds above 0"):
        ConnectionOptions(**options)


@pytest.mark.parametrize("size", [0, 2**31])
def test_the_biggest_message_has_a_limit_of_its_own(size):
    with pytest.raises(AddressError, match=r"biggest_message_bytes is \d+: give 1 to 2147483647 bytes"):
        ConnectionOptions(biggest_message_bytes=size)


@pytest.mark.parametrize(
    ("mode", "owner", "expected"),
    [(0o600, 1000, False), (0o640, 1000, True), (0o604, 0, True), (0o640, 0, False), (0o660, 0, True)],
)
def test_a_secret_of_roots_may_be_for_a_group(mode, owner, expected):
    assert is_open(mode, owner) == expected


def test_a_secret_that_is_no_text_is_refused(tmp_path):
    private(tmp_path / "secret", "x").write_bytes(b"\xff")
    with pytest.raises(PrivateFileError, match="not text in UTF-8"):
        read_private(tmp_path / "secret")


def restore_options(*options):
    return cli.parse_arguments(["restore", "photo.png", "--task", "sr_x4", "--out", "out", *map(str, options)])


def test_the_command_line_names_files(files, tmp_path):
    root, certificate, key = files
    headers = private(tmp_path / "headers", "authorization: x")
    url = ("--triton-url", "dns:///triton:8001")
    assert connection_options(restore_options(*url)) == ConnectionOptions()
    assert connection_options(restore_options(*url, "--triton-tls")) == ConnectionOptions(tls=Tls())
    given = ("--triton-roots", root, "--triton-certificate", certificate, "--triton-key", key)
    options = connection_options(restore_options(*url, *given, "--triton-headers", headers))
    assert options == ConnectionOptions(tls=read_tls(*files), headers={"authorization": "x"})


def test_tls_is_for_a_triton_that_runs_already(monkeypatch, capsys):
    monkeypatch.delenv("TRITON_URL", raising=False)
    arguments = ["restore", "photo.png", "--task", "sr_x4", "--out", "out", "--triton-tls"]
    with monkeypatch.context() as patch:
        patch.setattr(cli, "on_signals", lambda handler: None)
        patch.setattr(cli, "plan_targets", lambda *arguments: {})
        assert cli.main(arguments) == 1
    assert "give its address with --triton-url" in capsys.readouterr().err
    monkeypatch.setenv("TRITON_URL", "triton:8001")
    assert connection_options(restore_options("--triton-tls")) == ConnectionOptions(tls=Tls())
