"""Puts a module that was built into the wheel, and says for which machines that is.

REDIS_RL_MODULE names the file, and REDIS_RL_PLATFORM the tag, as in manylinux_2_17_x86_64. Without
them it is what `make build` left, for machines like this one.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_OWN = Path("../../target/release/libredis_rl.so")


class ModuleHook(BuildHookInterface):  # type: ignore[type-arg]
    """One wheel for each platform: nothing in it depends on the version of Python."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Add the file and the tag."""
        module = Path(self.root, os.environ.get("REDIS_RL_MODULE", _OWN))
        if not module.is_file():
            raise FileNotFoundError(f"{module} must be a built module: run 'make build'")
        own = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["force_include"][str(module)] = "redis_rl_server/libredis_rl.so"
        build_data["force_include"]["../copyright"] = "redis_rl_server/copyright"
        build_data["tag"] = f"py3-none-{os.environ.get('REDIS_RL_PLATFORM', own)}"
        build_data["pure_python"] = False
