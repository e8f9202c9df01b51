"""How many workers train at once on images, where a person has limited the memory of all processes together."""

from __future__ import annotations

from burnish.data.images import Shape
from burnish.executors import pool
from burnish.model import convolution
from burnish.workflow import start
from burnish.workflow.events import Stage
from burnish.workflow.session import Session

# Bytes, measured on 100,000 images of 64 x 64 in colour (bench/peak_memory.py): what the process has that reads and
# judges; what a worker has while LLVM compiles a network, and while it waits for one that another compiles; what it has
# of its own as it trains, and for each pixel of a mini-batch.
DRIVER, COMPILES, WAITS, TRAINS, EACH_PIXEL = 350 << 20, 610 << 20, 320 << 20, 290 << 20, 1_100


def keep(session: Session, shape: Shape, workers: pool.Pool) -> None:
    """Have no more workers than --memory-limit has room for, beside the process that reads and judges.

    Args:
        session: Knows the limit, and how many spend time at once.
        shape: Of the images.
        workers: None of which trains.
    """
    settings = session.settings
    if settings.memory_limit is None:
        return
    batch = start.IMAGE_BATCH if settings.start is None else settings.start.batch_size
    left = max(settings.memory_limit - DRIVER, 0)
    needs = [needed(count, shape, batch) for count in range(1, settings.workers + 1)]
    count = max(1, sum(need <= left for need in needs))
    workers.narrow(count, memory_limit=left)
    session.budget.jobs = count
    if count < settings.workers or needs[0] > left:
        session.say(
            Stage.READ,
            f"--memory-limit leaves {left / 2**20:,.0f} MiB to networks: room for {count} of {settings.workers} "
            f"workers, as one takes some {needs[0] / 2**20:,.0f} MiB on these images.",
            warning=needs[0] > left,
        )


def needed(workers: int, shape: Shape, batch: int) -> int:
    """Bytes that so many workers have at most together, of which one compiles at a time."""
    images = max(batch, convolution.evaluated((shape.height, shape.width)))
    trains = TRAINS + EACH_PIXEL * images * shape.height * shape.width
    return max(workers * trains, COMPILES + (workers - 1) * max(WAITS, trains))
