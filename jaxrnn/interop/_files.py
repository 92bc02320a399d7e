"""Files of weights, each read as what wrote it: nothing in them is executed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxrnn import _model_file, saving
from jaxrnn._checks import cut
from jaxrnn.cells._vanilla import Activation
from jaxrnn.interop import _keras, _onnx, _torch, _tree
from jaxrnn.interop._form import InteropError
from jaxrnn.interop._result import Result, needs

NESTED = ("state_dict", "model_state_dict", "model", "net", "module", "params")
READS = ".pt, .pth, .bin, .ckpt (PyTorch), .safetensors, .keras, .onnx, or a folder of orbax"
WRITES = ".safetensors, .pt, .keras or .onnx"


def read(
    path: str, *, prefix: Any, activation: Activation | None, verify: bool
) -> tuple[str, Result]:
    """What kind of file it is, and what it holds."""
    where = Path(path)
    if not where.exists():
        raise InteropError(f"{path} is not there.")
    how: dict[str, Any] = {"verify": verify}
    if where.is_dir():
        tree = _orbax(where)
        return "a folder of orbax", _tree.from_tree(tree, prefix=prefix, activation=activation)
    suffix = where.suffix.lower()
    if suffix in (".pt", ".pth", ".bin", ".ckpt"):
        state = _state_dict(where)
        return "a state dict of PyTorch", _torch.from_torch(
            state, prefix=prefix, activation=activation, **how
        )
    if suffix == ".safetensors":
        arrays, said = _model_file.read(path)
        if said is not None:
            model, params = saving.load(path)
            return "a model of jaxrnn", Result(model, params)
        return "tensors by PyTorch's names", _torch.from_torch(
            arrays, prefix=prefix, activation=activation, **how
        )
    if suffix == ".onnx":
        return "a model of ONNX", _onnx.from_onnx(path, nodes=prefix, **how)
    if suffix == ".keras":
        return "a model of Keras", _keras.from_keras(_keras_model(where), **how)
    raise InteropError(f"{path} ends in none of these: {READS}.")


def _state_dict(path: Path) -> Mapping[str, Any]:
    torch = _torch.library()
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InteropError(
            f"{path} holds more than tensors, or is no file of torch.save; what it holds is not "
            f"executed. Save the state dict alone: torch.save(module.state_dict(), …)."
        ) from None
    except Exception as error:  # of many kinds, for bytes of any origin
        raise InteropError(f"{path} is no whole file of torch.save: {cut(str(error))}") from None
    if not isinstance(loaded, Mapping):
        raise InteropError(f"{path} holds {type(loaded).__name__}, and no state dict.")
    for name in NESTED:
        if isinstance(loaded.get(name), Mapping):
            return loaded[name]
    return {name: tensor for name, tensor in loaded.items() if torch.is_tensor(tensor)}


def _keras_model(path: Path) -> Any:
    keras = _keras.library()
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras' own, h5py's, and those of a damaged archive
        raise InteropError(f"{path} is no model that Keras loads: {cut(str(error))}") from None


def _orbax(path: Path) -> Any:
    try:
        import orbax.checkpoint as ocp
    except ImportError:
        raise needs("orbax-checkpoint", "experiments") from None
    try:
        return ocp.StandardCheckpointer().restore(path.resolve())
    except Exception as error:  # of many kinds
        raise InteropError(f"{path} is no folder that orbax restores: {cut(str(error))}") from None


def write(
    path: str, model: Any, params: Any, *, bias: bool = True, equivalent: bool = False
) -> Result:
    """`model` as the file's suffix says."""
    suffix = Path(path).suffix.lower()
    if suffix == ".safetensors":
        saving.save(path, model, params)
        return Result(model, params)
    if suffix == ".onnx":
        return _onnx.to_onnx(model, params, path, verify=True)
    if suffix == ".pt":
        made = _torch.to_torch(model, params, bias=bias, equivalent=equivalent, verify=True)
        _whole(path, lambda part: _torch.library().save(made.model.state_dict(), part))
        return made
    if suffix == ".keras":
        narrow = jax.tree.leaves(params)[0].dtype == np.float32  # what Keras can be asked in
        made = _keras.to_keras(model, params, bias=bias, equivalent=equivalent, verify=narrow)
        _whole(path, lambda part: _sequential(made.model).save(part))
        return made
    raise InteropError(f"{path} ends in none of these: {WRITES}.")


def _sequential(layer: Any) -> Any:
    keras = _keras.library()
    if isinstance(layer, keras.Sequential):
        return layer
    inner = getattr(layer, "forward_layer", layer)
    size = inner.weights[0].shape[0]
    return keras.Sequential([keras.Input((None, size)), layer])


def _whole(path: str, save: Any) -> None:
    """The file, whole or not at all."""
    part = Path(path).with_name(f".{os.getpid()}-{Path(path).name}")
    try:
        save(part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:  # torch tells of a missing folder so
        why = getattr(error, "strerror", None) or cut(str(error))
        raise InteropError(f"{path} cannot be written: {why}.") from None
    finally:
        part.unlink(missing_ok=True)
