"""SDXL-Lightning: an image in four steps from a caption (section 3.4). Behind the extra ``synth``.

The published checkpoint is a UNet that takes the place of the one of Stable Diffusion XL; all other
parts are those of the base. Both are used at the commits of the lock file, from safetensors only.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ipllvm_spec.errors import ModelError
from ipllvm_spec.models.generators import Synthetic
from ipllvm_spec.models.hub import locked_commit, snapshot_folder
from ipllvm_spec.spec.generators import generator_entry
from ipllvm_spec.spec.lock import LockFile

NAME = "sdxl_lightning"
#: The steps for which the UNet was distilled.
STEPS = 4
UNET_FILE = f"sdxl_lightning_{STEPS}step_unet.safetensors"
#: What of each repository is used: half-precision safetensors and the configs around them.
FILES: dict[str, tuple[str, ...]] = {
    "base": (
        "model_index.json",
        "scheduler/*.json",
        "tokenizer*/*",
        "text_encoder*/config.json",
        "text_encoder*/model.fp16.safetensors",
        "unet/config.json",
        "vae/config.json",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ),
    "unet": (UNET_FILE,),
}


class Parts(NamedTuple):
    """Where the files of both repositories are, and at which commits."""

    base: Path
    unet: Path
    commits: dict[str, str]


def locate(lock: LockFile | None) -> Parts:
    """Finds the fetched files of the locked commits. Never goes to the network.

    Raises:
        LockError: When a hub id was never locked.
        ModelError: When its files are not on this machine.
    """
    folders, commits = {}, {}
    for part, hub_id in generator_entry(NAME).hub.items():
        commits[hub_id] = locked_commit(hub_id, ref=NAME, lock=lock)
        folders[part] = snapshot_folder(hub_id, commits[hub_id], ref=NAME, files=FILES[part])
    return Parts(folders["base"], folders["unet"], commits)


class SdxlLightning:
    """The generator; see ``models.generators.ImageGenerator``.

    Loaded when it makes its first image, in half precision on a GPU and in float32 on a CPU. One
    image at a time, so that an image depends on its caption and seed alone.

    Args:
        lock: The user's lock file.
        device: ``cpu``, ``cuda``, ``cuda:0``, ...
        parts: Where its files are; those of the lock file when None.

    Raises:
        ModelError: Without the extra ``synth``, or when the files are not on this machine.
        LockError: When a hub id was never locked.
    """

    seeded = True

    def __init__(self, lock: LockFile | None, *, device: str, parts: Parts | None = None) -> None:
        diffusers = _installed()
        self._parts = parts or locate(lock)
        self._device = torch.device(device)
        self._dtype = torch.float32 if self._device.type == "cpu" else torch.float16
        self._lock = threading.Lock()
        self._pipeline: Any = None
        self.identity: Mapping[str, Any] = {
            "name": NAME,
            "commits": self._parts.commits,
            "steps": STEPS,
            "dtype": str(self._dtype).removeprefix("torch."),
            "engine": f"diffusers-{diffusers}",
        }

    def make(self, caption: str, *, seed: int) -> Synthetic:
        """Makes one image of 1024 x 1024 pixels; any text gives one, the empty one too."""
        with self._lock:
            if self._pipeline is None:
                self._pipeline = load_pipeline(self._parts, self._device, self._dtype)
            # Drawn on the CPU: the same noise on every device.
            noise = torch.Generator("cpu").manual_seed(seed)
            with torch.inference_mode():
                made = self._pipeline(
                    caption, num_inference_steps=STEPS, guidance_scale=0, generator=noise
                )
        return Synthetic(made.images[0].convert("RGB"), understood=True)


def load_pipeline(parts: Parts, device: torch.device, dtype: torch.dtype) -> Any:
    """Loads the base around the distilled UNet, as its authors publish it.

    Raises:
        ModelError: When a file is missing or does not fit.
    """
    from safetensors.torch import load_file

    # An extra, slow to import, and only half typed.
    diffusers: Any = import_module("diffusers")

    try:
        config = diffusers.UNet2DConditionModel.load_config(parts.base / "unet")
        unet = diffusers.UNet2DConditionModel.from_config(config).to(dtype)
        unet.load_state_dict(load_file(parts.unet / UNET_FILE))
        pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(
            parts.base,
            unet=unet,
            torch_dtype=dtype,
            variant="fp16",
            use_safetensors=True,
            local_files_only=True,
            # The watermark changes pixels and needs a package of its own.
            add_watermarker=False,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"SDXL-Lightning cannot be loaded: {str(error).splitlines()[0]}",
            f"run `ipllvm fetch {NAME}` with network access",
        ) from None
    pipeline.scheduler = diffusers.EulerDiscreteScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing"
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def _installed() -> str:
    """Returns the version of diffusers."""
    try:
        return version("diffusers")
    except PackageNotFoundError:
        raise ModelError(
            "synthetic images by SDXL-Lightning need the package diffusers",
            "run: pip install 'ipllvm-spec[synth]'",
        ) from None
