"""Which devices there are to train on."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jax

# Files that a driver puts there beside its GPU: those by which JAX looks for one before it starts CUDA (`nvidiactl`
# alone in containers, `dxg` under Windows), and AMD's.
GPU_FILES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")

# The namespace package of JAX's plugins: `pip install burnish[cuda]` puts CUDA's there.
PLUGINS = "jax_plugins"

Devices = tuple[jax.Device, ...]


def gpu_is_likely() -> bool:
    """Whether it is worth asking JAX for a GPU: it has a plugin, and the system has a device.

    Takes under a millisecond. To ask JAX is to start all its platforms, which a run on processors does not wait for.
    """
    return importlib.util.find_spec(PLUGINS) is not None and any(Path(file).exists() for file in GPU_FILES)


def found(platform: str) -> Devices:
    """All devices of a platform of JAX ("gpu", "cpu", "tpu"); none where JAX cannot use it."""
    try:
        return tuple(jax.local_devices(backend=platform))
    except RuntimeError:
        return ()
