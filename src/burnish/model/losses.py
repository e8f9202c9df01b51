"""Losses of one row each; the mean over a mini-batch is the caller's."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int


def log_softmax(z: Float[Array, "row class_"]) -> Float[Array, "row class_"]:
    """`z − log Σ exp z`, shifted by the largest logit: logits of ±1e4 neither overflow nor lose the small ones."""
    shifted = z - lax.stop_gradient(z.max(-1, keepdims=True))
    return shifted - jnp.log(jnp.exp(shifted).sum(-1, keepdims=True))


def softmax(z: Float[Array, "*row class_"]) -> Float[Array, "*row class_"]:
    """`t = exp(z − max z); a = t / Σ t`: probabilities that sum to 1 for logits of any size.

    As many outputs as classes; "none of these" is a class like any other. Of two classes, softmax([0, z]) is the
    sigmoid of z. (Bridle 1990.)

    >>> [round(float(a), 3) for a in softmax(jnp.array([5.0, 2.0, -1.0, 3.0]))]
    [0.842, 0.042, 0.002, 0.114]
    """
    t = jnp.exp(z - lax.stop_gradient(z.max(-1, keepdims=True)))
    return t / t.sum(-1, keepdims=True)


def cross_entropy(
    z: Float[Array, "row class_"], y: Int[Array, " row"], smoothing: Float[Array, ""] | float = 0.0
) -> Float[Array, " row"]:
    """Softmax cross-entropy in nats; its gradient in z is `softmax(z) − target`.

    With label smoothing ε the target is `(1 − ε)·onehot(y) + ε/K` (Szegedy et al. 2016). The one-hot form avoids a
    scatter in the backward pass.

    Two outputs for two classes give the values and gradients of one output with a sigmoid; trained under L2 they
    differ, as two outputs share the weight difference and so carry half the penalty.

    >>> [round(float(loss), 4) for loss in cross_entropy(jnp.array([[0.0, 0.0], [1e4, -1e4]]), jnp.array([0, 1]))]
    [0.6931, 20000.0]
    """
    classes = z.shape[-1]
    target = (y[:, None] == jnp.arange(classes)[None]).astype(z.dtype)
    target = target * (1.0 - smoothing) + smoothing / classes
    return -(log_softmax(z) * target).sum(-1)


def squared_error(z: Float[Array, "row 1"], y: Float[Array, " row"]) -> Float[Array, " row"]:
    """`(z − y)²`, in the target's standardised units squared."""
    return jnp.square(z[:, 0] - y)
