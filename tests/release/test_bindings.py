"""The bindings say of the module API what every server's header says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import bindings


@pytest.fixture(autouse=True)
def headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all headers, which the script reads."""
    try:
        bindings.bindgen()
        for server in bindings.SERVERS:
            bindings.headers(server)
    except RuntimeError as missing:
        pytest.skip(f"{missing}: 'make test-bindings' brings it, and compares")
    shutil.copytree(bindings.HEADERS, tmp_path / "headers")
    monkeypatch.setattr(bindings, "HEADERS", tmp_path / "headers")
    return tmp_path / "headers"


def replace(file: Path, old: str, new: str) -> None:
    """Have a header say something else."""
    text = file.read_text()
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new))


def test_they_say_what_all_headers_say() -> None:
    bindings.check()


@pytest.mark.parametrize(
    ("server", "file", "old", "new", "told"),
    [
        (
            "redis-newest",
            "redismodule.h",
            "(*RedisModule_CloseKey)(RedisModuleKey *kp)",
            "(*RedisModule_CloseKey)(RedisModuleKey *kp, int now)",
            '+    unsafe extern "C" fn(kp: *mut RedisModuleKey, now: ::std::os::raw::c_int)',
        ),
        (
            "redis-7.0",
            "redismodule.h",
            "#define REDISMODULE_CTX_FLAGS_LOADING (1<<13)",
            "#define REDISMODULE_CTX_FLAGS_LOADING (1<<14)",
            "redis-7.0 has another REDISMODULE_CTX_FLAGS_LOADING",
        ),
        (
            "redis-7.0",
            "redismodule.h",
            "RedisModuleTypeLoadFunc rdb_load;",
            "RedisModuleTypeLoadFunc rdb_load; void *more;",
            "redis-7.0 has another RedisModuleTypeMethods",
        ),
        (
            "valkey-9",
            "valkeymodule.h",
            "int (*ValkeyModule_SetAbsExpire)(ValkeyModuleKey *key, mstime_t expire)",
            "int (*ValkeyModule_SetAbsExpire)(ValkeyModuleKey *key, int expire)",
            "valkey-9 has another SetAbsExpire",
        ),
    ],
)
def test_a_header_that_says_something_else_is_found(
    headers: Path, server: str, file: str, old: str, new: str, told: str
) -> None:
    replace(headers / server / file, old, new)
    if server == bindings.NEWEST:
        with pytest.raises(bindings.DisagreementError) as found:
            bindings.check()
        assert told in str(found.value)
    else:
        assert told in "\n".join(bindings.disagreements(server, bindings.BINDINGS.read_text()))


def test_a_header_that_lacks_what_is_needed_is_found(headers: Path) -> None:
    gone = "#define RedisModule_Replicate ValkeyModule_Replicate\n"
    replace(headers / "valkey-8" / "redismodule.h", gone, "")
    lacking = "valkey-8 lacks what the module needs: Replicate"
    with pytest.raises(bindings.DisagreementError, match=lacking):
        bindings.translation("valkey-8")
