"""Self-supervised methods, one short file each; a file registers its method by name."""

from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.registry import build_method, method_class, method_names, register
from coursekit.methods.simclr import SimCLR, info_nce

__all__ = ["Defaults", "SSLMethod", "SimCLR", "build_method", "info_nce", "method_class", "method_names", "register"]
