"""The one seam through which training is executed: in this process, in one single-threaded worker per core, or many
trials at once on an accelerator."""
