"""Techniques taken away from a network, or put back: for each, the two sides, and what has to be trained.

To add one: write a maker (a function of the network that gives its `Technique`, or why there is none) and give it a
row in `MAKERS`. What is worth most comes first: where time is short, the last are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from burnish.recipe import of_images, remedies
from burnish.train.configuration import Configuration, Initializer, Optimizer
from burnish.units import percent

# Learning rates that a rival of Adam's is tried at: steps of three from the rate that was chosen for Adam's kind of
# step, whose size does not follow the gradient's.
LADDER = (1 / 3, 1.0, 3.0)
# Rates where the step is the gradient itself, of a cost that is about 1 at the start: the range of the course's own
# examples and of the search (0.001 to 1), in steps of three about the middle of its upper half.
PLAIN_RATES = (0.01, 0.03, 0.1, 0.3)
# A constant rate makes steps that are twice a cosine's on average, so a smaller one is tried too.
CONSTANT_LADDER = (1 / 3, 1.0)
# Where a network has no Adam, Adam is tried at these.
ADAM_RATES = (3e-4, 1e-3, 3e-3)
FULL_BETA1 = 0.9
# Other starting weights than the network's own, and what they are called.
INITIALIZERS: dict[Initializer, str] = {
    "he": "He",
    "lecun": "LeCun",
    "glorot": "Glorot",
    "small": "× 0.01",
    "large": "× 10",
    "zeros": "zeros",
}
RIVALS: tuple[Initializer, ...] = ("he", "lecun", "glorot", "small", "zeros")
BINS = 16  # of a network that has none
OWN_MATTER = "it is a matter of the model, which is your own"


@dataclass(frozen=True, slots=True)
class Arm:
    """What is trained to be compared with the network as it is."""

    configuration: Configuration
    raw: bool = False  # on continuous columns as they stand in the table, imputed and encoded


@dataclass(frozen=True, slots=True)
class Technique:
    """One technique, and the side of it that the network does not have.

    With several arms, that side is the best of them on seeds that judge nothing. With none it is made of networks
    that are trained anyway: the average of the seeds.
    """

    name: str
    title: str
    with_it: str  # what the side with the technique has, in a few words
    without_it: str
    present: bool  # whether the network has it: then the arm is the side without
    arms: tuple[Arm, ...]
    note: str = ""

    @property
    def ladder(self) -> bool:
        """Whether a learning rate is chosen for the arm first."""
        return len(self.arms) > 1


@dataclass(frozen=True, slots=True)
class Network:
    """What is taken apart."""

    configuration: Configuration
    numbers: int  # continuous columns
    images: bool = False  # rows are images


Maker = Callable[[Network], Technique | str]


def techniques(network: Network) -> tuple[tuple[Technique, ...], tuple[tuple[str, str], ...]]:
    """What can be taken away or put back, in order; and for what cannot, its title and why."""
    found: list[Technique] = []
    missing: list[tuple[str, str]] = []
    for title, make in (*(OF_IMAGES if network.images else ()), *MAKERS):
        made = make(network)
        if isinstance(made, str):
            missing.append((title, made))
        else:
            found.append(made)
    return tuple(found), tuple(missing)


def _no_numbers(n: Network) -> str:
    return "rows are images, which have no columns" if n.images else "no column is continuous"


def _normalisation(n: Network) -> Technique | str:
    if n.images:
        return "a network of images standardises its pixels itself"
    if not n.numbers:
        return _no_numbers(n)
    note = "Its binned inputs, which are scaled by themselves, stay." if n.configuration.bins else ""
    return Technique(
        *("normalisation", "Input normalisation", "standardised", "raw columns", True),
        arms=(Arm(n.configuration, raw=True),),
        note=note,
    )


def _dropout(n: Network) -> Technique | str:
    c = n.configuration
    if not c.widths:
        return _no_layers(c)
    rates = c.dropout if isinstance(c.dropout, tuple) else (c.dropout,)
    if any(rates):
        shown = ", ".join(f"{rate:.2g}" for rate in dict.fromkeys(rates))
        return Technique("dropout", "Dropout", f"dropout {shown}", "no dropout", True, (Arm(replace(c, dropout=0.0)),))
    rate = remedies.STRONG_DROPOUT
    return Technique("dropout", "Dropout", f"dropout {rate:g}", "no dropout", False, (Arm(replace(c, dropout=rate)),))


def _no_layers(c: Configuration) -> str:
    return OWN_MATTER if c.model else "there is no hidden layer"


def _setting(name: str, title: str, field: str, *, added: float, shown: str) -> Callable[[Network], Technique]:
    """A number that is 0 where the technique is not used."""

    def make(n: Network) -> Technique:
        value = getattr(n.configuration, field)
        there = value != 0
        other = Configuration.from_json({**n.configuration.to_json(), field: 0.0 if there else added})
        return Technique(name, title, shown.format(value if there else added), "none", there, (Arm(other),))

    return make


def _batch_norm(n: Network) -> Technique | str:
    c = n.configuration
    if not c.widths:
        return _no_layers(c)
    there = c.norm == "batch"
    if not there and c.batch_size == 1:
        return "a mini-batch of one row has no variance"
    return Technique(
        *("batch-norm", "Batch normalisation", "batch norm", "none", there),
        arms=(Arm(replace(c, norm="none" if there else "batch")),),
    )


def _bins(n: Network) -> Technique | str:
    if not n.numbers:
        return _no_numbers(n)
    c = n.configuration
    if c.model:
        return OWN_MATTER
    other = replace(c, bins=0 if c.bins else BINS)
    return Technique("bins", "Binned inputs", f"{c.bins or BINS} bins", "none", c.bins > 0, (Arm(other),))


def _early_stopping(n: Network) -> Technique | str:
    c = n.configuration
    note = "The weights of the best epoch are kept on either side, so this is about when to end."
    if c.patience:
        other: Configuration | None = replace(c, patience=0)
    else:
        other = remedies.named("early-stopping").change(c)
    if other is None:
        return f"{c.epochs} epochs are too few for it"
    patience = c.patience or other.patience
    return Technique(
        *("early-stopping", "Early stopping", f"patience {patience}", "all epochs", c.patience > 0),
        arms=(Arm(other),),
        note=note,
    )


def _decay(n: Network) -> Technique | str:
    c = n.configuration
    name = "Learning-rate decay"
    if c.decay == "none":
        return Technique("decay", name, "half a cosine", "constant α", False, (Arm(replace(c, decay="cosine")),))
    arms = tuple(Arm(replace(c, decay="none", learning_rate=c.learning_rate * f)) for f in CONSTANT_LADDER)
    return Technique("decay", name, c.decay.replace("_", " "), "constant α", True, arms)


def _input_noise(n: Network) -> Technique | str:
    if not n.numbers:
        return _no_numbers(n)
    make = _setting("input-noise", "Input noise", "input_noise", added=remedies.INPUT_NOISE, shown="σ = {:.2g}")
    return make(n)


def _mixup(n: Network) -> Technique | str:
    if n.configuration.batch_size == 1:
        return "a mini-batch of one row has nothing to mix it with"
    return _setting("mixup", "Mixup", "mixup", added=remedies.MIXUP, shown="α = {:.2g}")(n)


def _residual(n: Network) -> Technique | str:
    c = n.configuration
    if c.model:
        return OWN_MATTER
    other = replace(c, residual=not c.residual)
    return Technique("residual", "Residual blocks", "residual blocks", "none", c.residual, (Arm(other),))


def _change(name: str, title: str, shown: Callable[..., str], **strengths: float) -> Maker:
    """A change of images in training, taken away whole or put in with these strengths."""

    def make(n: Network) -> Technique:
        own = {field: getattr(n.configuration, field) for field in strengths}
        there = any(own.values())
        used = own if there else strengths
        other: dict[str, float] = dict.fromkeys(strengths, 0.0) if there else strengths
        with_it = shown(*used.values())
        return Technique(name, title, with_it, "none", there, (Arm(replace(n.configuration, **other)),))  # type: ignore[arg-type]

    return make


def _average(n: Network) -> Technique | str:
    return Technique("ensemble", "Ensembling", "average of the seeds", "one network", False, ())


def _initialiser(rival: Initializer) -> Maker:
    def make(n: Network) -> Technique | str:
        own = n.configuration.initializer
        if not n.configuration.widths:
            return _no_layers(n.configuration)
        if rival == own:
            return "it is the network's own"
        other = replace(n.configuration, initializer=rival)
        title = f"{INITIALIZERS[own]} initialisation, not {INITIALIZERS[rival]}"
        return Technique(f"init-{rival}", title, INITIALIZERS[own], INITIALIZERS[rival], True, (Arm(other),))

    return make


def _at(c: Configuration, rates: Sequence[float]) -> tuple[Arm, ...]:
    return tuple(Arm(replace(c, learning_rate=rate)) for rate in rates)


def _around(c: Configuration) -> tuple[Arm, ...]:
    return _at(c, [c.learning_rate * factor for factor in LADDER])


def _momentum(n: Network) -> Technique | str:
    c = n.configuration
    title = "Momentum"
    if c.optimizer == "adam":
        if c.beta1:
            arms = _around(replace(c, beta1=0.0))
            return Technique("momentum", title, f"β₁ = {c.beta1:g}", "β₁ = 0", True, arms)
        arms = _around(replace(c, beta1=FULL_BETA1))
        return Technique("momentum", title, f"β₁ = {FULL_BETA1:g}", "β₁ = 0", False, arms)
    if c.optimizer in ("momentum", "nesterov"):
        arms = _at(replace(c, optimizer="sgd"), PLAIN_RATES)
        return Technique("momentum", title, f"{c.optimizer}, β = {c.beta1:g}", "plain SGD", True, arms)
    if c.optimizer == "sgd":
        arms = _at(replace(c, optimizer="momentum", beta1=FULL_BETA1), PLAIN_RATES)
        return Technique("momentum", title, f"β = {FULL_BETA1:g}", "plain SGD", False, arms)
    return "RMSprop with momentum is Adam"


def _bias_correction(n: Network) -> Technique | str:
    c = n.configuration
    if c.optimizer != "adam":
        return f"the network trains with {c.optimizer}"
    arms = _around(replace(c, bias_correction=not c.bias_correction))
    return Technique("bias-correction", "Adam: bias correction", "corrected", "uncorrected", c.bias_correction, arms)


def _adam(n: Network) -> Technique | str:
    """Adam as a whole, of a network that trains without it."""
    c = n.configuration
    if c.optimizer == "adam":
        return "the network has it: its parts are taken away one by one"
    arms = _at(replace(c, optimizer="adam", beta1=FULL_BETA1), ADAM_RATES)
    return Technique("adam", "Adam", "Adam", c.optimizer, False, arms)


def _without(name: str, title: str, optimizer: Optimizer, shown: str, *, plain: bool) -> Maker:
    """Adam's rival that lacks a part of it."""

    def make(n: Network) -> Technique | str:
        c = n.configuration
        if c.optimizer != "adam":
            return f"the network trains with {c.optimizer}"
        rival = replace(c, optimizer=optimizer)
        return Technique(name, title, "Adam", shown, True, _at(rival, PLAIN_RATES) if plain else _around(rival))

    return make


MAKERS: tuple[tuple[str, Maker], ...] = (
    ("Input normalisation", _normalisation),
    ("Dropout", _dropout),
    ("Batch normalisation", _batch_norm),
    ("Binned inputs", _bins),
    ("Decoupled weight decay", _setting(
        "weight-decay", "Decoupled weight decay", "weight_decay", added=remedies.LIGHT_DECAY, shown="decay {:.2g}"
    )),
    ("L2", _setting("l2", "L2", "l2", added=remedies.L2, shown="λ = {:.2g}")),
    ("Learning-rate decay", _decay),
    ("Early stopping", _early_stopping),
    ("Input noise", _input_noise),
    ("Mixup", _mixup),
    ("Ensembling", _average),
    ("Adam", _adam),
    ("Momentum", _momentum),
    ("Adam's second moment", _without(
        "second-moment", "Adam's second moment", "momentum", "momentum", plain=True
    )),
    ("Adam's first moment", _without(
        "first-moment", "Adam's first moment", "rmsprop", "RMSprop", plain=False
    )),
    ("Adam's both moments", _without("moments", "Adam's both moments", "sgd", "plain SGD", plain=True)),
    ("Adam's bias correction", _bias_correction),
    *((f"Initialisation: {INITIALIZERS[rival]}", _initialiser(rival)) for rival in RIVALS),
)  # fmt: skip

# What only a network of images has, before all else: what it is shown matters more than how it steps. Residual blocks
# come last, as a network with them trains three times as long.
OF_IMAGES: tuple[tuple[str, Maker], ...] = (
    *(
        (title, _change(name, title, shown, **strengths))
        for name, title, shown, strengths in (
            ("shift", "Shifted images", lambda by: f"up to {percent(by)} of a side", {"shift": of_images.SHIFT}),
            ("flip", "Mirrored images", lambda part: f"{percent(part)} of them", {"flip": of_images.FLIP}),
            ("rotation", "Turned images", lambda by: f"up to {by:.0f}°", {"rotation": of_images.ROTATION}),
            ("crop", "Cropped images", lambda by: f"up to {percent(by)} of a side", {"crop": of_images.CROP}),
            (
                *(
                    "light",
                    "Other light",
                    lambda one, other: f"brightness ± {percent(one)}, contrast ± {percent(other)}",
                ),
                {"brightness": of_images.LIGHT, "contrast": of_images.LIGHT},
            ),
            ("cutout", "Cutout", lambda side: f"{percent(side)} of a side", {"cutout": of_images.CUTOUT}),
        )
    ),
    ("Residual blocks", _residual),
)
