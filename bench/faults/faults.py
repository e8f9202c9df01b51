"""The planted faults: those of the published list that the jobs bear, and others of more kinds and severities."""

from __future__ import annotations

import further
import jax
import met
import optax
import plants
from cases import Case, Plant

from recipe import Recipe


def _listed(number: int, job: str, name: str, plant: Plant, *causes: str) -> Case:
    """A row of the list."""
    return Case(f"{number} {name}", job, plant, (causes,), number)


def _own(job: str, name: str, plant: Plant, *causes: str) -> Case:
    return Case(f"{job} {name}", job, plant, (causes,))


def _as_it_is(recipe: Recipe) -> Recipe:
    return recipe


LISTED = (
    _listed(1, "J3", "learning rate x100", plants.rate(100), "OP1"),
    _listed(3, "J2", "Adam 1.0", plants.settings(rate=1.0), "OP1", "NN5"),
    _listed(5, "J10", "sigmoid, small weights",
            plants.both(plants.settings(activation="sigmoid"), plants.normal(0.01)), "NN3", "NN2", "NN6"),
    _listed(7, "J10", "three times He", plants.he_times(3), "NN4", "NN2"),
    _listed(9, "J3", "constant weights", plants.constant(0.5), "NN1"),
    _listed(11, "J2", "ReLU killed by a spike", plants.both(plants.settings(optimizer="sgd", rate=30.0)), "NN5", "OP1"),
    _listed(13, "J1x100", "inputs x100", _as_it_is, "DA1"),
    _listed(15, "J3", "sign flipped", plants.own_gradient(plants.uphill), "NU2"),
    _listed(17, "J3", "no gradient for biases", plants.bias_layer(0.0), "NU1", "NU3"),
    _listed(19, "J3", "softmax twice", plants.settings(outputs=jax.nn.softmax), "NN8"),
    _listed(21, "J2", "softmax of one unit", plants.settings(outputs=jax.nn.softmax), "NN8"),
    _listed(23, "J6", "target x1000", plants.scaled_targets(57_000.0, 105_000.0), "NN14"),
    _listed(25, "J3", "no activation", plants.settings(activation="linear"), "NN7", "BV1"),
    _listed(27, "J5", "4 x 1024 units, 60 rows",
            plants.both(plants.few_rows(60), plants.settings(sizes=(30, 1024, 1024, 1024, 1024, 2), epochs=20)),
            "BV2", "DA21"),
    _listed(29, "J3", "L2 of 1", plants.settings(penalty=1.0), "OP9", "BV7"),
    _listed(31, "J3", "one epoch", plants.settings(epochs=1), "BV10"),
    _listed(33, "J3", "full batch, 20 epochs", plants.full_batch(20), "OP7"),
    _listed(35, "J3", "sorted, not shuffled", plants.in_order, "DA13", "NU9"),
    _listed(37, "J3", "Adadelta 1e-3", plants.settings(optimizer="adadelta", rate=1e-3), "OP8", "OP2"),
    _listed(39, "J6", "NaN in 0.1 % of rows", plants.holes(0.001), "NU4", "DA15"),
    _listed(41, "J4", "2 flips of 5 from 4 to 9", plants.label_noise(0.4, pair=(4, 9)), "DA17"),
    _listed(43, "J7", "dev of other months", further.other_months, "DA3", "BV4"),
    _listed(45, "J3", "a quarter of dev copied", plants.copied_dev(0.25), "DA7"),
    _listed(47, "J7", "known afterwards", further.known_afterwards, "DA10"),
    _listed(49, "J6", "numbered by target", further.numbered_by_target, "DA12", "DA13"),
    _listed(51, "J4", "flips", plants.augmented(plants.flips), "DA22"),
)  # fmt: skip

OWN = (
    _own("J8", "target as it is measured", plants.scaled_targets(77.0, 152.0), "NN14"),
    _own("J8", "target x1000", plants.scaled_targets(77_000.0, 152_000.0), "NN14"),
    _own("J2", "inputs x100", plants.scaled_inputs(100), "DA1"),
    _own("J3", "inputs x255", plants.scaled_inputs(255), "DA1"),
    _own("J5", "inputs of unlike scales", plants.scaled_inputs_unlike(1e4), "DA1"),
    _own("J9", "inputs x0.001", plants.scaled_inputs(1e-3), "DA1"),
    _own("J9", "Adam 1.0", plants.settings(rate=1.0), "OP1", "NN5"),
    _own("J5", "Adam 1.0", plants.settings(rate=1.0), "OP1", "NN5"),
    _own("J9", "Adam 1e-5", plants.settings(rate=1e-5), "OP2"),
    _own("J3", "SGD 1e-4", plants.settings(rate=1e-4), "OP2"),
    _own("J3", "weights of sd 0.001", plants.normal(1e-3), "NN2", "NN3"),
    _own("J3", "weights of sd 1", plants.normal(1.0), "NN2", "NN4"),
    _own("J9", "weights of sd 1e-4", plants.normal(1e-4), "NN2", "NN3"),
    _own("J9", "twice He", plants.he_times(2), "NN2"),
    _own("J9", "ten times He", plants.he_times(10), "NN2", "NN4"),
    _own("J5", "zero weights", plants.constant(0.0), "NN1"),
    _own("J3", "tanh, weights of sd 10", plants.both(plants.settings(activation="tanh"), plants.normal(10.0)),
         "NN6", "NN2"),
    _own("J10", "sigmoid, Glorot",
         plants.both(plants.settings(activation="sigmoid"), plants.he_times(0.7)), "NN3", "NN2", "NN6"),
    _own("J3", "weights' gradient turned", plants.weight_layer(-1.0), "NU1", "NU2"),
    _own("J9", "weights' gradient halved", plants.weight_layer(0.5), "NU1"),
    _own("J9", "biases' gradient turned", plants.bias_layer(-1.0), "NU1"),
    _own("J9", "one layer frozen", plants.frozen(1), "NU3"),
    _own("J9", "uphill", plants.own_gradient(plants.uphill), "NU2"),
    _own("J9", "outputs less the batch's mean", plants.batch_mean, "NU7"),
    _own("J9", "NaN in 0.2 % of rows", plants.holes(0.002), "NU4", "DA15"),
    _own("J3", "logarithm of 0", plants.both(plants.log_of_probability, plants.he_times(10)), "NU4"),
    _own("J9", "softmax twice", plants.settings(outputs=jax.nn.softmax), "NN8"),
    _own("J8", "tanh on the output", plants.settings(outputs=jax.numpy.tanh), "NN8"),
    _own("J8", "ReLU on the output", plants.settings(outputs=jax.nn.relu), "NN8"),
    _own("J2", "no activation", plants.settings(activation="linear"), "NN7", "BV1"),
    _own("J2", "one hidden unit", plants.settings(sizes=(2, 1, 1)), "NN10", "BV1"),
    _own("J9", "L2 of 1", plants.settings(penalty=1.0), "OP9", "BV7"),
    _own("J3", "dropout of 0.9", plants.settings(dropout=0.9), "OP11", "NN12", "BV7"),
    _own("J3", "flips", plants.augmented(plants.flips), "DA22", "OP11"),
    _own("J3", "noise of sd 1", plants.noise(1.0), "OP11", "DA22"),
    _own("J3", "clipped at 0.001", plants.chained(optax.clip_by_global_norm(1e-3)), "OP10", "OP2"),
    _own("J2", "two epochs", plants.settings(epochs=2), "BV10", "OP2"),
    _own("J9", "sorted, not shuffled", plants.in_order, "DA13", "NU9"),
    _own("J9", "targets of other rows", plants.shuffled_targets, "DA18", "DA26"),
    _own("J5", "target among the inputs", plants.leaked_target, "DA10"),
    _own("J9", "dev prepared otherwise", plants.other_preprocessing, "DA2", "DA3", "BV4"),
    _own("J3", "2 flips of 5 from 4 to 9", plants.label_noise(0.4, pair=(4, 9)), "DA17"),
    _own("J3", "sum over the batch", plants.settings(sum_loss=True), "NU10", "OP1"),
    _own("J9", "20 rows a class", plants.few_rows(80), "BV2", "DA21"),
    _own("J3", "batches of 1", plants.settings(batch_size=1, epochs=3), "OP6", "OP1"),
    _own("J3", "momentum 0.999", plants.optimiser(optax.sgd(0.1, momentum=0.999)), "OP13", "OP1"),
    _own("J3", "AdamW with a decay of 10", plants.optimiser(optax.adamw(1e-3, weight_decay=10.0)), "OP9", "BV7"),
    _own("J9", "biases of -10", plants.biases(-10.0), "NN5", "NN2"),
    _own("J3", "the same dropout mask", plants.both(plants.settings(dropout=0.5), plants.subject(plants.same_mask)),
         "NU9"),
    _own("J9", "sigmoid before softmax", plants.settings(outputs=jax.nn.sigmoid), "NN8"),
    _own("J9", "parameters in bfloat16",
         plants.both(plants.settings(optimizer="sgd", rate=3e-3, epochs=60), plants.subject(plants.in_bfloat16)),
         "NU5"),
    _own("J9", "inputs ignored", plants.subject(plants.inputs_ignored), "NU8"),
    _own("J3", "two units in between", plants.settings(sizes=(64, 2, 64, 10)), "NN10", "BV1"),
)  # fmt: skip


def _sweep(family: str, job: str, sizes: tuple[float, ...], plant: object, *causes: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"{job} {family} {size:g}", job, plant(size), (causes,), None, (f"{family}, {job}", size))  # type: ignore[operator]
        for size in sizes
    )


SWEEPS = (
    *_sweep("learning rate x", "J3", (3, 10, 30), plants.rate, "OP1"),
    *_sweep("learning rate x", "J9", (3, 10, 30, 100), plants.rate, "OP1", "NN5"),
    *_sweep("label noise", "J9", (0.05, 0.1, 0.2, 0.4), plants.label_noise, "DA17"),
    *_sweep("dev copied", "J9", (0.01, 0.05, 0.25), plants.copied_dev, "DA7"),
    *_sweep("dev shifted", "J9", (0.5, 1, 2), plants.shifted_dev, "DA3", "BV4", "DA2"),
)

DOUBLE = tuple(
    Case(f"{job} {name}", job, plant, causes)
    for job, name, plant, causes in (
        ("J3", "inputs x255 and L2 of 1", plants.both(plants.scaled_inputs(255), plants.settings(penalty=1.0)),
         (("DA1",), ("OP9", "BV7"))),
        ("J3", "softmax twice and no activation",
         plants.settings(outputs=jax.nn.softmax, activation="linear"), (("NN8",), ("NN7", "BV1"))),
        ("J9", "learning rate x300 and a layer frozen", plants.both(plants.rate(300), plants.frozen(1)),
         (("OP1", "NN5"), ("NU3",))),
        ("J9", "sorted, not shuffled, biases' gradient turned",
         plants.both(plants.in_order, plants.bias_layer(-1.0)), (("DA13", "NU9"), ("NU1",))),
        ("J8", "target x1000 and three times He", plants.both(plants.scaled_targets(77_000.0), plants.he_times(3)),
         (("NN14",), ("NN2", "NN4"))),
    )
)  # fmt: skip

# Met in trainings of others, which no rule had been tried on; the doctor names them since.
MET = (
    _own("J9", "against the class number", met.lost(met.against_class_number), "NN8"),
    _own("J9", "logarithm of a logit", met.lost(met.logarithm_of_logit), "NN8"),
    _own("J9", "a mask that stays in evaluation", met.mask_in_evaluation(0.3), "NU7", "NU6"),
    _own("J9", "steps that end early", met.ended(0.05), "OP2", "BV10"),
    _own("J8", "codes as numbers", plants.both(met.codes_as_numbers(12, 2.0), plants.settings(epochs=40)), "NN15"),
)  # fmt: skip

FAULTS = (*LISTED, *OWN, *SWEEPS, *DOUBLE, *MET)
