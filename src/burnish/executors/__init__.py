"""The one seam through which training is executed: in this process, or in one single-threaded worker per core."""
