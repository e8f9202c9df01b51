"""The examination of one training: what can be read off it and probed, each thing once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from burnish import cores
from burnish.diagnosis.budget import ErrorBudget, Errors, error_budget, floor, practical_size
from burnish.doctor import counting, following, ignorance, optimisers, probes, simple
from burnish.doctor import null as nulls
from burnish.doctor.arms import Arm
from burnish.doctor.following import Followed, Following
from burnish.doctor.gauges import Gauge, Gauger
from burnish.doctor.lab import Lab, Training, quick
from burnish.doctor.probes import Probed
from burnish.doctor.subject import Rows, Subject
from burnish.doctor.trainings import Trainings
from burnish.stats import paired

# Chance of any false alarm in one diagnosis, over all rules that are not proofs: a half for the probes, a half for the
# rules on rows, which divide theirs as `stats.false_alarms` says.
FALSE_ALARMS = 0.01
PROBE_ALARMS = FALSE_ALARMS / 2
# Families of probes among which theirs is divided alike; a family's arms, and its looks, divide its part further
# (Bonferroni). Rules that try the same arm are one family, cures tried together are one, and one that no signal calls
# for leaves its part unused. Screening takes no part: what it lets through is judged on fresh starts, at a level that
# allows for all arms, tried or not.
PROBE_FAMILIES = 37
# Starts that screen an arm, of cheap trainings and of others, and the first of them, after which one that gains nothing
# is left.
SCREENED, SCREENED_DEAR = 4, 2
GLANCED, GLANCED_DEAR = 2, 1
# Starts that confirm an arm, look by look: the first finds what ruins every start, the last what ruins some and spares
# others; of dear trainings where that would be a fault.
LOOKS = (6, 10, 30)
# Seeds of the starts that confirm begin here: those that screened chose the arm, and would flatter it.
FRESH = 1000
# Fresh starts over which other things are measured.
MEASURED = range(FRESH, FRESH + 10)
# Steps of a probe of a dear training: enough for an ill start to show.
PROBE_STEPS = 200
# Operations of a training up to which probes train to the end, up to which they always have the last look, and up to
# which two starts screen at first. A choice: a perceptron of 17,000 parameters, 1,140 steps of 32 rows, has 4e9.
CHEAP, LOOKED_LAST, AT_ONCE = 2e10, 5e9, 1e9
# An effect on the loss that matters: 10 % of it. A choice, as in the error budget.
PRACTICAL_SHARE = 0.10
# A probe finds a fault, and not only room for improvement, where it removes so large a share of the error, or regains
# so large a share of what can be learned at all. Choices: few healthy trainings could lose a third of their error.
FAULTY_ERROR, FAULTY_SKILL = 1 / 3, 1 / 2
# Rows that a network and its loss are asked about, where no training is; and those of a gradient that is looked at by
# itself: the cost is a mean, so that a few rows have the same bugs as many.
FEW, CHECKED_ROWS = 64, 16

# What `Examination.once` knows of the rows alone, and of the steps; the rest of it is of the network, too.
OF_ROWS, OF_STEPS, OF_TRAINED, OF_DRAWS = "rows", "steps", "the trained network", "right draws"
NETWORK = ("init", "apply", "apply_training", "loss", "penalty", "gradient", "augment")
NOTHING_CHANGED = Arm("nothing changed")


class TimeUp(Exception):
    """The time for what has to be tried has run out."""


class Examination:
    """One subject under examination; whatever is asked for twice is computed once.

    Args:
        subject: To examine.
        baseline_error: What is achievable, as an error; None: not known.
        after: The examination of the same training before something was cured: what is known of its rows, its
            programs and its threads serve here too where they are the same.
        threads: That train at once; None: one a core. What is found does not depend on them.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        baseline_error: float | None = None,
        after: Examination | None = None,
        threads: int | None = None,
    ) -> None:
        subject = subject.understood()
        self.subject, self.baseline_error = subject, baseline_error
        self.original: Examination = self if after is None else after.original  # before any cure
        self.lab: Lab = Lab(subject, None if after is None else after.lab.programs)
        self.gauger: Gauger = Gauger(self.lab)
        self._known: dict[str, Any] = {}
        self.until: float = math.inf  # time of `time.monotonic` from which no further training is begun
        # Codes of rules that could not try what they would, and why; a cure leaves them so.
        self.unable: dict[str, str] = {} if after is None else after.unable
        self._pool: ThreadPoolExecutor = (
            ThreadPoolExecutor(threads or cores.available()) if after is None else after._pool
        )
        self.trainings: Trainings = Trainings(self.lab, self._pool, self._train)
        if after is not None:
            self._inherit(after)

    def _inherit(self, after: Examination) -> None:
        """What was known before something was cured, and cannot have changed with it."""
        old, new = after.subject, self.subject
        if old.train is not new.train or old.dev is not new.dev:
            return
        same = all(getattr(old, name) == getattr(new, name) for name in NETWORK)
        kept = [name for name in after._known if name == OF_ROWS or (same and not name.startswith(OF_STEPS))]
        self._known = {name: after._known[name] for name in kept}

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """What a rule computes, and another may ask for again."""
        if name not in self._known:
            self._known[name] = compute()
        known = self._known[name]
        return known.result() if isinstance(known, Future) else known

    def ahead(self, name: str, compute: Callable[[], Any]) -> None:
        """Begin what will be asked for by this name in another thread, while something else is looked at."""
        if name not in self._known:
            self._known[name] = self._pool.submit(compute)

    @cached_property
    def start(self) -> Training:
        """Before the first step."""
        return self.lab.start()

    @cached_property
    def few(self) -> Rows:
        """Training rows that the network and its loss are asked about."""
        return self.lab.gauge.take(slice(0, FEW))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Of the outputs for them: (rows, …)."""
        return tuple(jax.eval_shape(self.subject.apply, self.start.params, jnp.asarray(self.few.x)).shape)

    @cached_property
    def first(self) -> Gauge:
        """Scales at the start; what reads them is compiled while the start is drawn."""
        ready = self._pool.submit(self.gauger.compile)
        start = self.start
        ready.result()
        return self.gauger.read(start.params)

    @cached_property
    def decays(self) -> int:
        """Whether the optimiser shrinks the parameters by itself, 1, or lets them grow, −1; 0: neither."""
        return optimisers.decays(self.answers)

    @cached_property
    def answers(self) -> optimisers.Answers:
        """The optimiser at the start, to be asked what it makes of gradients."""
        return optimisers.Answers(self.lab.update, self.start.optimizer, self.start.params)

    @cached_property
    def gradient(self) -> PyTree:
        """The gradient that training uses, of a few rows at the start."""
        subject = self.subject
        rows, key = self.lab.gauge.take(slice(0, CHECKED_ROWS)), jax.random.key(0)
        parts = [getattr(subject, name) for name in ("apply", "apply_training", "loss", "penalty", "gradient")]

        def of(params: PyTree, x: Array, y: Array) -> PyTree:
            if subject.gradient is not None:
                return subject.gradient(params, x, y, key)
            return jax.grad(lambda p: subject.objective(p, x, y, key))(params)

        compiled = self.lab.programs.of(("gradient", *parts), lambda: quick(of))
        return jax.device_get(compiled(self.start.params, jnp.asarray(rows.x), jnp.asarray(rows.y)))

    @property
    def null(self) -> nulls.Null:
        """What is normal for this architecture."""
        found: nulls.Null = self.once(OF_DRAWS, self.draw)
        return found

    def draw(self) -> nulls.Null:
        """The same, computed."""
        return nulls.draw(self.gauger, self.start.params)

    @cached_property
    def uninformed(self) -> float:
        """Mean loss of the best constant outputs on rows that it learns from, by its own loss; nan: none has one."""
        return ignorance.uninformed(self.lab, self.start.params)

    @cached_property
    def uninformed_error(self) -> float:
        """Error of the best constant answer on the dev rows: misclassification rate, or RMSE."""
        return ignorance.error(self.subject)

    @cached_property
    def following(self) -> Following:
        """The training, begun in another thread: of a dear one as many steps as a probe has, until it is to end."""
        return Following(self.lab, self.gauger, self.first, self._pool, self._steps(self.lab))

    @property
    def followed(self) -> Followed:
        """The training so far, read at geometric steps and a few in between."""
        return self.following.so_far

    def finish(self) -> None:
        """Follow the training to its end. What its first part alone has said is asked again."""
        if not self.following.ended:
            self.following.finish()
            past = (OF_STEPS, OF_TRAINED)
            self._known = {name: known for name, known in self._known.items() if not name.startswith(past)}

    @cached_property
    def measured(self) -> Errors | None:
        """Errors of the trained network on rows that it learned from, and on dev rows; None: some are no numbers."""
        return following.errors(self.lab, self.followed.end.params) if self.followed.finite else None

    def budget(self, errors: Errors) -> ErrorBudget:
        """Where the dev error of the trained network comes from.

        The least possible error, where nobody gave it, is 0 at least, and at most what the network or a simple model
        reaches; simple models are asked where there could be bias, and are a constant answer at least.
        """
        known = {"the network": errors.dev}
        if self.baseline_error is None and errors.train.low > self.practical:
            known |= self.once("simple models", lambda: simple.dev_errors(self.subject, errors.name))
        return error_budget(errors, floor(self.baseline_error, known), practical=self.practical)

    @cached_property
    def operations(self) -> float:
        """Of one training. By counting, not by the clock: a busy machine has the same findings."""
        return counting.operations(self.subject, self.start.params)

    @property
    def whole(self) -> bool:
        """Whether probes train to the end: in a few hundred steps, what is only slower looks like a fault."""
        return self.operations <= CHEAP or self.subject.steps <= PROBE_STEPS

    @cached_property
    def screening(self) -> range:
        """Seeds of the starts that screen."""
        return range(SCREENED if self.operations <= LOOKED_LAST else SCREENED_DEAR)

    @cached_property
    def error(self) -> float:
        """Dev error of this training, a mean over starts: misclassification rate, or RMSE."""
        return self._error(self.screening)

    @cached_property
    def fresh_error(self) -> float:
        """The same over other starts than those that screen: by these a cure is confirmed."""
        return self._error(range(FRESH, FRESH + LOOKS[0]))

    def _error(self, seeds: Sequence[int]) -> float:
        self.train_ahead((NOTHING_CHANGED,), seeds)
        errors = [self.trained(NOTHING_CHANGED, seed).errors.mean() for seed in seeds]
        return float(np.mean(errors if self.subject.kind == "classification" else np.sqrt(errors)))

    @cached_property
    def practical(self) -> float:
        """The smallest change of the dev error that matters; where it is worse than knowing nothing, of that error."""
        return self.matters(min(self.error, self.uninformed_error))

    def matters(self, error: float) -> float:
        """The smallest change of this error that matters, in its own unit: as in the error budget."""
        return practical_size(error, self.uninformed_error if self.subject.kind == "regression" else None)

    def trained(self, arm: Arm, seed: int) -> probes.Trained:
        """What one start of an arm leads to.

        Raises:
            TimeUp: It was not known, and no further training is to be begun.
        """
        return self.trainings.of(arm, seed)

    def _train(self, lab: Lab, arm: Arm, seed: int) -> probes.Trained:
        self.refuse_late()
        return probes.train(lab, arm, seed, steps=self._steps(lab), uninformed=self.uninformed)

    def _steps(self, lab: Lab) -> int:
        """Of a probe: of whole trainings all, else the first ones."""
        return lab.subject.steps if self.whole else PROBE_STEPS

    def refuse_late(self) -> None:
        """Where no further training is to be begun.

        Raises:
            TimeUp: That is so.
        """
        if time.monotonic() > self.until:
            raise TimeUp

    def train_ahead(self, arms: Sequence[Arm], seeds: Sequence[int]) -> None:
        """Train at once what is about to be asked for: each arm from each start.

        Raises:
            TimeUp: One of it was not known, and no further training is to be begun.
        """
        self.trainings.at_once([(arm, seed) for arm in arms for seed in seeds])

    def probe(self, arm: Arm, seeds: Sequence[int], alpha: float, *, control: Arm = NOTHING_CHANGED) -> Probed:
        """The arm against the control."""
        return self.compare(arm, [(arm, seed) for seed in seeds], [(control, seed) for seed in seeds], alpha)

    def compare(
        self, arm: Arm, treated: Sequence[tuple[Arm, int]], controls: Sequence[tuple[Arm, int]], alpha: float
    ) -> Probed:
        """What an arm gained, by trainings and those that they are compared with, one by one."""
        self.trainings.at_once((*controls, *treated))
        return probes.compare(
            arm,
            [self.trained(*pair) for pair in controls],
            [self.trained(*pair) for pair in treated],
            task=self.subject.kind,
            steps=self._steps(self.trainings.lab(arm)),
            whole=self.whole,
            alpha=alpha,
            groups=self.subject.dev.groups,
        )

    @property
    def glance(self) -> range:
        """Seeds of the starts after which an arm that gains nothing is left."""
        return self.screening[: GLANCED if self.operations <= AT_ONCE else GLANCED_DEAR]

    def screen_ahead(self, arms: Sequence[Arm]) -> None:
        """Train at once what screening each of these arms begins with.

        Raises:
            TimeUp: As of `trained`.
        """
        self.train_ahead((NOTHING_CHANGED, *arms), self.glance)

    def screen(self, arm: Arm, *, thorough: bool = False) -> Probed:
        """The arm on a few starts; thorough: on all of them, as what spoils one start may spare the first ones."""
        first = self.probe(arm, self.glance, paired.ALPHA)
        return self.probe(arm, self.screening, paired.ALPHA) if thorough or self.promising(first) else first

    def confirm(self, screened: Probed, arms: int) -> tuple[Probed, bool]:
        """The arm against doing nothing on fresh starts, and whether it gained for sure and by a size that matters.

        The size is that of the estimate. The lower end of ten starts lies far below it, and would hide faults that ruin
        one training and spare the next.

        Args:
            screened: What the arm that screening chose gained there; where that leaves little hope, it is all.
            arms: Among how many it was chosen.
        """
        looks = LOOKS if self.whole else LOOKS[:-1]
        alpha = PROBE_ALARMS / PROBE_FAMILIES / arms / len(LOOKS)
        probed = screened
        for starts in looks:
            # What ruins one start and spares the next may have spared those that screened: where it costs little, a
            # first look is had without hope.
            asked = probed is not screened or self.operations > AT_ONCE
            if asked and self._counted(probed).hopeless(looks[-1], alpha=alpha):
                break
            if starts == LOOKS[-1] and self.operations > LOOKED_LAST and probed.share <= FAULTY_ERROR:
                break
            probed = self.probe(screened.arm, range(FRESH, FRESH + starts), alpha)
            if not self.promising(probed):
                break
            if self._counted(probed).low > 0:
                return probed, True
        return probed, False

    def _counted(self, probed: Probed) -> paired.Gain:
        """What decides: the gain in error of whole trainings, else that in loss."""
        return probed.error_gain if self.whole else probed.gain

    def promising(self, probed: Probed) -> bool:
        """Whether the estimate of a probe is of a size that matters, and the loss, if still the same, is no higher."""
        if not self.whole:
            return probed.gain.value > PRACTICAL_SHARE * probed.control
        other = self.trainings.lab(probed.arm).subject.loss != self.subject.loss  # with which nothing can be compared
        return probed.error_gain.value > self.practical and (other or probed.gain.value > 0)

    def faulty(self, probed: Probed, *, general: bool) -> bool:
        """Whether so much is gained that the training cannot be called healthy without it, and surely what matters.

        Args:
            probed: What was gained.
            general: By a cure that does some good to much. Few trainings have the best of all learning rates: a share
                of the error is room for improvement then, and only of what can be learned at all a fault.
        """
        if probed.told.low <= (self.practical if self.whole else PRACTICAL_SHARE * probed.control):
            return False
        gained, left = probed.told.value, probed.control - probed.told.value
        numbers = self.subject.kind == "regression"  # whose short probes are compared by squared errors
        most = self.uninformed_error if self.whole else self.uninformed_error**2 if numbers else self.uninformed
        return (not general and probed.share > FAULTY_ERROR) or gained > FAULTY_SKILL * (most - left) > 0

    def said(self, probed: Probed) -> str:
        """What a probe gained, as the end of a sentence."""
        return probes.said(probed, task=self.subject.kind, whole=self.whole)
