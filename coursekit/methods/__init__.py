"""Self-supervised methods, one short file each: `build_method(name, encoder, image_size)`."""

from coursekit.methods.base import SSLMethod
from coursekit.methods.registry import build_method, method_names
from coursekit.methods.simclr import SimCLR, info_nce

__all__ = ["SSLMethod", "SimCLR", "build_method", "info_nce", "method_names"]
