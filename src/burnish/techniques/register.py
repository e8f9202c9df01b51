"""The register: for each technique its public names, the tests that prove it, and where it acts in the main job.

`burnish techniques` and docs/techniques.md are written from it, and a test walks it. It imports no JAX.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from burnish.errors import ConfigError

PACKAGE = "burnish.techniques"
WORTH = "`burnish ablate` tells what it is worth on your data."


@dataclass(frozen=True, slots=True)
class Technique:
    """One technique of the list."""

    id: str
    title: str  # one plain sentence
    api: tuple[str, ...]  # dotted public names
    tests: tuple[str, ...]  # pytest's ids, without parameters
    where: str  # where it acts in the main job, or that it does not


def _technique(id: str, title: str, api: str, tests: str, where: str) -> Technique:
    """A row of the table: names of `burnish.techniques` and tests in short.

    Args:
        id: As in "A1".
        title: One sentence.
        api: Names, a space between; with a dot they are whole already.
        tests: "file: name name; file: name", files of tests/techniques without "test_techniques_" and tests without
            "test_"; a file with a slash is one of tests/ by its path.
        where: One sentence.
    """
    names = tuple(name if "." in name else f"{PACKAGE}.{name}" for name in api.split())
    ids = []
    for part in tests.split(";"):
        file, found = part.split(":")
        file = file.strip()
        path = f"tests/{file}.py" if "/" in file else f"tests/techniques/test_techniques_{file}.py"
        ids += [f"{path}::test_{name}" for name in found.split()]
    return Technique(id, title, names, tuple(ids), where)


TECHNIQUES = (
    _technique(
        "A1",
        "Rows are divided into those that train, those that choose and those that are opened once, in sizes that suit "
        "what has to be told apart.",
        "split split_sizes",
        "setting_up: sizes_are_those_of_the_rule dev_grows_until_it_tells_the_wished_for_difference "
        "parts_are_disjoint_and_cover_and_keep_groups_whole time_orders_the_parts",
        'Stage "split": --group, --time, --source, --folds, --no-test, --dev and --test; the report names the sizes '
        "and the reason.",
    ),
    _technique(
        "A2",
        "Train, dev and test have to come from one distribution; a classifier tells whether they do, and by which "
        "columns.",
        "mismatch split",
        "setting_up: a_shift_is_found_with_its_column_and_the_auc_that_it_allows one_distribution_is_not_called_two "
        "every_part_has_its_share_of_each_class_and_source rows_of_a_group_stay_on_one_side",
        'Stage "audit", findings DA3 and DA4, for the files given and the sources named; a train-dev part where dev '
        "is a file of its own.",
    ),
    _technique(
        "A3",
        "The errors on train and dev and the least possible one tell high bias, high variance, both or neither, with "
        "intervals.",
        "bias_variance error_interval",
        "judging: the_classic_cases_get_their_labels regression_is_judged_in_the_targets_own_spread "
        "three_tenths_of_a_point_on_200_rows_are_no_gap intervals_of_rates_are_exact "
        "intervals_of_an_rmse_cover_for_normal_errors",
        "The verdict on the first network and after each remedy kept, findings BV1 to BV6 and BV8.",
    ),
    _technique(
        "A4",
        "The basic recipe: cure bias, then variance, each remedy an experiment that is kept only beyond its noise; a "
        "learning curve says whether more data would help.",
        "prescription paired_gain learning_curve_forecast",
        "judging: the_recipe_cures_bias_first_and_then_variance a_gain_with_one_seed_is_the_paired_t_test "
        "seeds_that_differ_by_luck_are_no_gain a_power_law_is_foretold",
        'Stage "recipe": rounds of paired experiments; finding BV9 from the learning curve.',
    ),
    _technique(
        "B1",
        "L2 adds a price on the squared weights to the cost of a logistic regression.",
        "l2_penalty",
        "regularising: logistic_regression_with_the_penalty_is_scikit_learns "
        "the_gradient_of_the_penalty_is_the_weights_times_lambda_over_m",
        "The linear baseline: its penalty is chosen by cross-validation.",
    ),
    _technique(
        "B2",
        "L2 of a network is coupled to the gradient, or decoupled from it as weight decay: the same under plain "
        "gradient descent, and not under Adam.",
        "l2_penalty l2_gradient coupled_l2 decoupled_decay weights_only",
        "regularising: plain_gradient_descent_shrinks_weights_by_one_less_alpha_lambda_over_m_and_leaves_biases_alone "
        "coupled_l2_is_the_gradient_of_the_whole_cost_under_any_optimiser "
        "decoupled_decay_behind_adam_is_optax_adamw; "
        "train/test_train_optimizer: decoupled_decay_equals_adamw_on_weights_only",
        "Settings `l2` (coupled) and `weight_decay` (decoupled) of every network; remedies, and searched. " + WORTH,
    ),
    _technique(
        "B3",
        "L2 helps because small weights keep tanh units in their linear part, so that the network is nearly linear.",
        "weight_norms linear_share",
        "regularising: norms_are_numpys_by_name the_linear_share_of_normal_units_is_the_normal_integral "
        "more_l2_makes_smaller_weights_more_linear_units_and_a_smaller_gap",
        "Not shown in the report yet: on its own only.",
    ),
    _technique(
        "B4",
        "Inverted dropout leaves units out at random in training and scales the others up, so that nothing changes on "
        "average and prediction needs nothing.",
        "inverted_dropout",
        "regularising: dropout_leaves_the_expected_activation_unchanged "
        "dropout_leaves_out_ten_of_fifty_on_average_and_not_exactly "
        "dropout_has_a_new_mask_for_each_key_and_none_at_one",
        "Settings `dropout` (one rate, or one a layer) and `input_dropout` of every network; a remedy, and searched. "
        + WORTH,
    ),
    _technique(
        "B5",
        "Augmentation makes further training rows: mixtures of rows (mixup), noise on the features, and of images "
        "mirrored, cropped, turned, moved, lighter or darker ones, or with a part blanked out.",
        "mixup feature_noise augment_images random_flip random_crop random_rotation random_shift random_brightness "
        "random_contrast cutout",
        "regularising: mixup_mixes_inputs_and_targets_alike_with_beta_shares "
        "feature_noise_is_normal_with_each_columns_own_spread; "
        "augmenting: a_strength_of_0_changes_no_bit images_are_mirrored_with_the_probability_given "
        "crop_rotation_and_shift_are_those_of_scipy brightness_and_contrast_stay_within_their_shares "
        "cutout_blanks_one_square_with_the_mean labels_of_images_are_mixed_by_mixup; "
        "train/test_train_images: images_train_from_any_strengths_with_one_program",
        "Settings `mixup` and `input_noise` of every network, own models too, inside each training step; remedies, and "
        "searched. " + WORTH + " Of images the settings `flip`, `crop`, `rotation`, `shift`, `brightness`, `contrast` "
        "and `cutout`, inside each training step.",
    ),
    _technique(
        "B6",
        "Early stopping watches the dev cost, keeps the best weights and stops after some patience.",
        "early_stopping_start early_stopping_step",
        "regularising: early_stopping_does_what_a_plain_loop_does each_member_of_a_population_stops_by_itself",
        'Every training keeps the weights of its best epoch; setting `patience`, and the remedy "Early stopping". '
        + WORTH,
    ),
    _technique(
        "C1",
        "Inputs are normalised by the mean and the standard deviation of the training rows, which makes the cost's "
        "bowl round.",
        "fit_normaliser condition_number",
        "preparing: normalising_is_scikit_learns_standard_scaler a_column_of_tenths_is_constant "
        "the_condition_number_is_that_of_the_hessian gradient_descent_needs_fewer_steps_on_normalised_inputs",
        'Stage "prepare", fitted on training rows only and kept in the model; `burnish ablate --explain` shows the '
        "conditioning. " + WORTH,
    ),
    _technique(
        "C2",
        "Signals and gradients that grow or shrink a little in each layer explode or vanish in deep networks: the "
        "factor per layer and the first bad layer are measured.",
        "layer_scales gradient_scales",
        "preparing: linear_layers_multiply_the_signal_by_their_factor_to_the_depth "
        "the_first_bad_layer_is_named_and_said_in_plain_words "
        "scales_of_a_tanh_network_equal_backpropagation_by_hand",
        "The gradient's norm is in every training curve; the scales by layer are on their own only.",
    ),
    _technique(
        "C3",
        "Starting weights are random, to break the symmetry of units, and of a variance that keeps the signal's size.",
        "he lecun glorot xavier initial_weights twin_units",
        "preparing: starting_weights_have_the_variance_of_jaxs_initialisers variances_are_those_of_the_formulas "
        "he_keeps_the_signal_of_a_deep_relu_network_and_others_do_not symmetry_is_broken_and_equal_units_are_counted "
        "equal_units_stay_equal_under_gradient_descent",
        "Setting `initializer` of every network: `he` unless another is asked for. " + WORTH,
    ),
    _technique(
        "C4",
        "Differences of the cost tell whether a gradient is right, leaf by leaf and at several steps.",
        "burnish.check_gradients",
        "diagnosis/test_diagnosis_gradient_faults: a_faulty_rule_is_found_in_its_leaf_and_described "
        "a_missing_penalty_is_found_and_measured one_wrong_component_of_a_large_leaf_is_found_and_named "
        "what_jax_test_util_check_grads_misses; "
        "diagnosis/test_diagnosis_gradient_healthy: healthy_functions_are_right "
        "no_false_alarm_on_random_healthy_functions burnishs_own_cost_is_right_under_every_option; "
        "diagnosis/test_diagnosis_gradient_reading: how_the_difference_depends_on_the_step_is_named",
        "Of your own cost: `burnish check`; burnish's own cost is held to it by tests, under every option.",
    ),
    _technique(
        "D1",
        "Mini-batches cut a new order of the rows into slices, each of which makes one step; the last one may be "
        "smaller and counts for its rows.",
        "mini_batches epoch_cost batch_sizes",
        "optimising: batches_cover_each_row_once_and_are_cut_as_the_plain_twin_cuts "
        "the_cost_of_an_epoch_is_the_mean_over_rows "
        "five_million_rows_in_batches_of_a_thousand_are_five_thousand_batches "
        "the_cost_of_full_batches_falls_at_every_step_and_that_of_mini_batches_need_not",
        "Every training; setting `batch_size`, remedies for half and twice as many rows, and searched.",
    ),
    _technique(
        "D2",
        "An exponentially weighted average follows a series over about 1/(1 − β) steps.",
        "exponentially_weighted_average",
        "optimising: averages_have_the_figures_of_the_list averages_equal_scipys_filter",
        "The averages of momentum, RMSprop and Adam, and of batch norm's moments.",
    ),
    _technique(
        "D3",
        "Bias correction divides by 1 − β^t, as the average starts at 0 and would be too low at first.",
        "exponentially_weighted_average",
        "optimising: averages_have_the_figures_of_the_list averages_equal_scipys_filter "
        "the_corrected_average_of_a_constant_is_the_constant",
        "Adam's averages and batch norm's. " + WORTH,
    ),
    _technique(
        "D4",
        "Momentum steps along the average of the gradients, which damps what turns back and forth.",
        "momentum",
        "optimising: optimisers_equal_their_formulas optimisers_equal_optax_as_their_pages_say",
        'Setting `optimizer` "momentum" or "nesterov", with `beta1`. ' + WORTH,
    ),
    _technique(
        "D5",
        "RMSprop divides each gradient by the root of the average of its squares.",
        "rmsprop",
        "optimising: optimisers_equal_their_formulas optimisers_equal_optax_as_their_pages_say",
        'Setting `optimizer` "rmsprop", with `beta2` and `epsilon`. ' + WORTH,
    ),
    _technique(
        "D6",
        "Adam is momentum and RMSprop together, both bias-corrected.",
        "adam",
        "optimising: optimisers_equal_their_formulas optimisers_equal_optax_as_their_pages_say "
        "the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient",
        'The optimiser of every network unless another is asked for; the remedy "Adam". ' + WORTH,
    ),
    _technique(
        "D7",
        "The learning rate falls during training, so that the steps come to rest.",
        "inverse_time_decay exponential_decay sqrt_epoch_decay sqrt_step_decay staircase_decay warm_up cosine_decay "
        "one_cycle",
        "optimising: inverse_time_decay_has_the_figures_of_the_list decays_equal_their_formulas "
        "decays_equal_optax_where_it_has_them warm_up_goes_before_any_schedule",
        "Settings `decay`, `decay_rate` and `warmup`: a cosine unless another is asked for; remedies, and searched. "
        + WORTH,
    ),
    _technique(
        "E1",
        "Some settings matter more than others, α first: each one's share of the dev cost's variance is measured on "
        "your data, and hidden layers are laid out by depth and width.",
        "importance hidden_layer_table search_space",
        "tuning: the_setting_that_decides_the_cost_is_the_most_important "
        "burnishs_own_space_is_searched_by_the_same_names "
        "the_smallest_network_within_noise_of_the_best_is_named; "
        "tune/test_tune_importance: main_effects_equal_the_plain_definition",
        'Stage "tune"; the report shows both.',
    ),
    _technique(
        "E2",
        "Random search tries as many values of each setting as there are draws, a grid only a few; what a search "
        "guarantees is said.",
        "random_search grid_search coarse_to_fine search_guarantee",
        "tuning: a_grid_of_25_tries_5_values_of_each_of_two_settings_where_random_search_tries_25 "
        "draws_are_independent_and_do_not_depend_on_how_many_are_asked_for "
        "a_finer_round_is_drawn_around_the_best_and_settings_that_do_not_matter_stay_wide "
        "a_search_guarantees_what_simulated_draws_do",
        'Stage "tune": random draws, then closer in, then by a model of the results; grids are on their own only.',
    ),
    _technique(
        "E3",
        "Settings are drawn on the scale that suits them: uniform for counts, logarithmic for α, logarithmic in 1 − β "
        "for β.",
        "Uniform Log OneMinusLog Choice OrZero",
        "tuning: log_gives_each_decade_a_quarter_where_uniform_puts_nine_tenths_above_a_tenth "
        "log_samples_are_uniform_per_decade_wherever_the_scale_lies beta_is_drawn_by_its_distance_from_one "
        "counts_reach_both_ends_alike_and_zeros_and_choices_have_their_shares",
        'Every setting that stage "tune" searches.',
    ),
    _technique(
        "E4",
        "Many networks start, and the weak ones are stopped early (successive halving).",
        "halving_plan survivors",
        "tuning: a_population_is_thinned_as_planned_and_its_best_comes_through; "
        "tune/test_tune_halving: every_plan_ends_with_full_training_and_costs_no_more_than_without_it",
        'Stage "tune": the best third of each round\'s draws goes on, one trial a core, or many on an accelerator.',
    ),
    _technique(
        "E5",
        "Batch norm gives each unit mean 0 and variance 1 within the mini-batch, then a learned scale γ and offset β.",
        "batch_norm",
        "layers: batch_norm_and_its_gradients_equal_their_numpy_twins "
        "batch_norm_takes_a_bias_out_again_and_does_not_count_padding "
        "batch_norm_learns_gamma_and_beta_under_each_optimiser "
        "a_training_made_of_the_pieces_equals_the_plain_numpy_twin",
        'Setting `norm` "batch"; a remedy, and searched. ' + WORTH,
    ),
    _technique(
        "E6",
        "At prediction batch norm uses averages of training, so that one row alone gets the answer it gets in a batch.",
        "batch_norm_prediction running_moments_start running_moments_step running_moments_read",
        "layers: one_row_alone_gets_the_answer_it_gets_in_a_batch "
        "running_moments_are_corrected_averages_of_unbiased_ones the_first_mini_batch_alone_gives_its_own_moments",
        "Every network with batch norm, on dev and in the delivered model.",
    ),
    _technique(
        "E7",
        "Softmax makes probabilities of as many outputs as there are classes, and cross-entropy is its loss.",
        "softmax cross_entropy",
        "layers: softmax_sums_to_one_and_is_scipys_for_logits_of_ten_thousand "
        "its_loss_is_scipys_and_the_gradient_is_softmax_less_target "
        "two_classes_are_a_sigmoid_in_value_and_in_gradient under_l2_two_outputs_carry_half_the_penalty_of_one",
        "The output and the cost of every classification, of two classes too.",
    ),
    _technique(
        "E8",
        "Arrays, gradients and compilation come from a framework (JAX), and models go out as files that others read: "
        "parameters as safetensors, whole models as ONNX.",
        "save_parameters load_parameters burnish.export_onnx",
        "layers: parameters_come_back_as_they_were the_file_is_read_by_the_formats_own_library_and_is_data; "
        "export/test_export_model: a_file_predicts_what_its_model_predicts",
        "The model folder of every run: weights are safetensors, and nothing is a pickle. `burnish export RUN` writes "
        "the whole model as ONNX.",
    ),
)


def find(id: str) -> Technique:
    """The technique of this id, in upper or lower case.

    Raises:
        ConfigError: There is none.
    """
    for technique in TECHNIQUES:
        if technique.id == id.upper():
            return technique
    raise ConfigError(
        f"There is no technique {id!r}.", f"There are {', '.join(t.id for t in TECHNIQUES)}.", "Give one of these."
    )


def document(techniques: tuple[Technique, ...] = TECHNIQUES) -> list[dict[str, Any]]:
    """The register as JSON values: id, title, api, tests and where of each."""
    return [asdict(technique) for technique in techniques]
