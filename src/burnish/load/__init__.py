"""Tables from the world: files in many forms, data frames, arrays."""

from burnish.load.align import align, concatenate
from burnish.load.files import STANDARD_INPUT, read

__all__ = ["STANDARD_INPUT", "align", "concatenate", "read"]
