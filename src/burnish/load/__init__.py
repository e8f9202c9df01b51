"""Tables from the world: files in many forms, data frames, arrays."""

from burnish.load.align import align, concatenate
from burnish.load.files import read

__all__ = ["align", "concatenate", "read"]
