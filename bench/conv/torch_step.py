"""PyTorch's training step, channels last: does as many steps as each line of standard input says."""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import nn

WIDTHS, ROWS, BATCH, CLASSES, SIDE = (32, 64, 128), 6_000, 128, 10, 28


def network(*, norm: bool) -> nn.Module:
    """Under batch norm a convolution needs no bias."""
    layers: list[nn.Module] = []
    channels = 1
    for index, width in enumerate(WIDTHS):
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=not norm)]
        layers += [nn.BatchNorm2d(width)] if norm else []
        layers += [nn.ReLU()] + ([nn.MaxPool2d(2)] if index < len(WIDTHS) - 1 else [])
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES))


def main() -> None:
    torch.set_num_threads(int(sys.argv[2]))
    torch.manual_seed(0)
    net = network(norm=sys.argv[1] == "batch").to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    cost = nn.CrossEntropyLoss()
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.integers(0, 256, (ROWS, 1, SIDE, SIDE), dtype=np.uint8))
    y = torch.from_numpy(rng.integers(0, CLASSES, ROWS))
    net.train()
    for line in sys.stdin:
        for _ in range(int(line)):
            rows = torch.randint(ROWS, (BATCH,))
            images = (x[rows].float().div_(127.5).sub_(1)).to(memory_format=torch.channels_last)
            optimizer.zero_grad(set_to_none=True)
            cost(net(images), y[rows]).backward()
            optimizer.step()
        print("done", flush=True)


if __name__ == "__main__":
    main()
