"""Each technique on its own: on your own arrays, your own JAX function, your own training loop.

Every function delegates to the room that implements it in the main job. `burnish techniques` lists them by technique;
docs/techniques.md has the same list. Names are imported when they are first used: those of setting up, judging and
tuning do not need JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from burnish.techniques.augmenting import (
        ImageStrengths,
        augment_images,
        cutout,
        random_brightness,
        random_contrast,
        random_crop,
        random_flip,
        random_rotation,
        random_shift,
    )
    from burnish.techniques.judging import (
        BiasVariance,
        bias_variance,
        error_interval,
        learning_curve_forecast,
        paired_gain,
        prescription,
    )
    from burnish.techniques.layers import (
        Moments,
        RunningMoments,
        batch_norm,
        batch_norm_prediction,
        cross_entropy,
        load_parameters,
        running_moments_read,
        running_moments_start,
        running_moments_step,
        save_parameters,
        softmax,
    )
    from burnish.techniques.optimising import (
        MiniBatches,
        OptimizerState,
        adam,
        batch_sizes,
        cosine_decay,
        epoch_cost,
        exponential_decay,
        exponentially_weighted_average,
        inverse_time_decay,
        mini_batches,
        momentum,
        one_cycle,
        rmsprop,
        sqrt_epoch_decay,
        sqrt_step_decay,
        staircase_decay,
        warm_up,
    )
    from burnish.techniques.preparing import (
        LayerScales,
        Normaliser,
        condition_number,
        fit_normaliser,
        glorot,
        gradient_scales,
        he,
        initial_weights,
        layer_scales,
        lecun,
        twin_units,
        xavier,
    )
    from burnish.techniques.regularising import (
        EarlyStopping,
        coupled_l2,
        decoupled_decay,
        early_stopping_start,
        early_stopping_step,
        feature_noise,
        inverted_dropout,
        l2_gradient,
        l2_penalty,
        linear_share,
        mixup,
        weight_norms,
        weights_only,
    )
    from burnish.techniques.setting_up import (
        Mismatch,
        TellingFeature,
        mismatch,
        split,
        split_sizes,
    )
    from burnish.techniques.tuning import (
        Choice,
        Log,
        OneMinusLog,
        OrZero,
        Rung,
        Space,
        Tried,
        Uniform,
        coarse_to_fine,
        grid_search,
        halving_plan,
        hidden_layer_table,
        importance,
        random_search,
        search_guarantee,
        search_space,
        survivors,
    )

# Names by the file that holds them.
_SECTIONS = {
    "augmenting": (
        "ImageStrengths augment_images cutout random_brightness random_contrast random_crop random_flip "
        "random_rotation random_shift"
    ),
    "judging": "BiasVariance bias_variance error_interval learning_curve_forecast paired_gain prescription",
    "layers": (
        "Moments RunningMoments batch_norm batch_norm_prediction cross_entropy load_parameters "
        "running_moments_read running_moments_start running_moments_step save_parameters softmax"
    ),
    "optimising": (
        "MiniBatches OptimizerState adam batch_sizes cosine_decay epoch_cost exponential_decay "
        "exponentially_weighted_average inverse_time_decay mini_batches momentum one_cycle rmsprop "
        "sqrt_epoch_decay sqrt_step_decay staircase_decay warm_up"
    ),
    "preparing": (
        "LayerScales Normaliser condition_number fit_normaliser glorot gradient_scales he initial_weights "
        "layer_scales lecun twin_units xavier"
    ),
    "regularising": (
        "EarlyStopping coupled_l2 decoupled_decay early_stopping_start early_stopping_step feature_noise "
        "inverted_dropout l2_gradient l2_penalty linear_share mixup weight_norms weights_only"
    ),
    "setting_up": "Mismatch TellingFeature mismatch split split_sizes",
    "tuning": (
        "Choice Log OneMinusLog OrZero Rung Space Tried Uniform coarse_to_fine grid_search halving_plan "
        "hidden_layer_table importance random_search search_guarantee search_space survivors"
    ),
}
_HOMES = {name: section for section, names in _SECTIONS.items() for name in names.split()}

__all__ = [
    "BiasVariance",
    "Choice",
    "EarlyStopping",
    "ImageStrengths",
    "LayerScales",
    "Log",
    "MiniBatches",
    "Mismatch",
    "Moments",
    "Normaliser",
    "OneMinusLog",
    "OptimizerState",
    "OrZero",
    "Rung",
    "RunningMoments",
    "Space",
    "TellingFeature",
    "Tried",
    "Uniform",
    "adam",
    "augment_images",
    "batch_norm",
    "batch_norm_prediction",
    "batch_sizes",
    "bias_variance",
    "coarse_to_fine",
    "condition_number",
    "cosine_decay",
    "coupled_l2",
    "cross_entropy",
    "cutout",
    "decoupled_decay",
    "early_stopping_start",
    "early_stopping_step",
    "epoch_cost",
    "error_interval",
    "exponential_decay",
    "exponentially_weighted_average",
    "feature_noise",
    "fit_normaliser",
    "glorot",
    "gradient_scales",
    "grid_search",
    "halving_plan",
    "he",
    "hidden_layer_table",
    "importance",
    "initial_weights",
    "inverse_time_decay",
    "inverted_dropout",
    "l2_gradient",
    "l2_penalty",
    "layer_scales",
    "learning_curve_forecast",
    "lecun",
    "linear_share",
    "load_parameters",
    "mini_batches",
    "mismatch",
    "mixup",
    "momentum",
    "one_cycle",
    "paired_gain",
    "prescription",
    "random_brightness",
    "random_contrast",
    "random_crop",
    "random_flip",
    "random_rotation",
    "random_search",
    "random_shift",
    "rmsprop",
    "running_moments_read",
    "running_moments_start",
    "running_moments_step",
    "save_parameters",
    "search_guarantee",
    "search_space",
    "softmax",
    "split",
    "split_sizes",
    "sqrt_epoch_decay",
    "sqrt_step_decay",
    "staircase_decay",
    "survivors",
    "twin_units",
    "warm_up",
    "weight_norms",
    "weights_only",
    "xavier",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'burnish.techniques' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"burnish.techniques.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
