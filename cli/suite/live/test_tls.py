"""`rediss://`: the server's certificate is checked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from suite.tools.live import tool
from support.pool import NewServer
from support.ports import free_port, give_back

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not there")


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A folder with an authority and the certificate of localhost."""
    key = ("-newkey", "rsa:2048", "-nodes")
    openssl(
        tmp_path, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca"
    )
    openssl(tmp_path, "req", *key, "-keyout", "s.key", "-out", "s.csr", "-subj", "/CN=localhost")
    (tmp_path / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    openssl(tmp_path, "x509", "-req", "-in", "s.csr", *signed, "-out", "s.crt")
    return tmp_path


def test_a_certificate_must_be_of_somebody_who_is_trusted(
    new_server: NewServer, certificates: Path
) -> None:
    port = free_port()
    new_server(
        config={
            "tls-port": port,
            "tls-cert-file": str(certificates / "s.crt"),
            "tls-key-file": str(certificates / "s.key"),
            "tls-ca-cert-file": str(certificates / "ca.crt"),
            "tls-auth-clients": "no",
        }
    )
    words = ("watch", "--once", "--interval", "100ms", f"rediss://localhost:{port}")
    trusted = {"SSL_CERT_FILE": str(certificates / "ca.crt")}
    assert "0 allowed, 0 denied" in tool(*words, env=trusted).stdout
    assert "certificate" in tool(*words, code=1).stderr
    assert "always checked" in tool(*words[:-1], f"{words[-1]}#insecure", code=2).stderr
    give_back(port)
