"""All rules that speak of a run or of the curves of one, in words: where each is found, see its file."""

from __future__ import annotations

from burnish.diagnosis.described import Described
from burnish.diagnosis.finding import Evidence, Severity
from burnish.diagnosis.run_rules.calibration import BV13
from burnish.diagnosis.run_rules.seeds import BV15
from burnish.diagnosis.run_rules.slices import BV12
from burnish.diagnosis.run_rules.threshold import BV14

_GAP = "The lower end of its interval exceeds what matters (a tenth of the dev error, or half a point)"
_NEWCOMBE = "Newcombe, 1998, and Zou and Donner, 2008 (intervals of differences)"

# From the errors of a run, or of a network from elsewhere (`burnish verdict`): `diagnosis.bias_variance`.
BUDGET = (
    Described("BV1", "The network has high bias", Evidence.TEST, Severity.LIMIT, f"The avoidable bias: {_GAP.lower()}.",
              "A larger network, longer training, better optimiser settings, less regularisation, or better features.",
              "A paired experiment over seeds and dev rows.", _NEWCOMBE),
    Described("BV2", "The network has high variance", Evidence.TEST, Severity.LIMIT,
              f"The gap between train and new rows like them: {_GAP.lower()}.",
              "More data, regularisation, a smaller network, or the average of several.",
              "A paired experiment: the dev error falls; a smaller gap from a worse train error is no success.",
              _NEWCOMBE),
    Described("BV3", "The network has high bias and high variance", Evidence.TEST, Severity.LIMIT, "Both hold.",
              "First the bias, then the variance.", "As for the two.", _NEWCOMBE),
    Described("BV4", "The dev rows come from elsewhere than the training rows, and it matters", Evidence.TEST,
              Severity.LIMIT, f"Dev error above that of held-out training-like rows: {_GAP.lower()}.",
              "Collect or make training rows like the dev rows, or weight the training rows that resemble them.",
              "The gap shrinks because the dev error falls.", _NEWCOMBE),
    Described("BV5", "The dev rows were used up by choosing", Evidence.TEST, Severity.LIMIT,
              f"Test error above that of the dev rows that chose: {_GAP.lower()}.",
              "A larger or fresh dev part, and fewer looks at it.", "The gap on a fresh dev part is about 0.",
              _NEWCOMBE),
    Described("BV6", "The dev rows are too few to see small differences", Evidence.TEST, Severity.NOTE,
              "Half the width of the dev error's interval exceeds what matters.",
              "More dev rows, or cross-validation.", "The interval is narrower.", "Clopper and Pearson, 1934."),
    Described("BV8", "The network is near the floor", Evidence.TEST, Severity.NOTE,
              "The dev error's interval reaches the least possible error.",
              "Better labels or new features; training cannot gain much more.", "No remedy gains anything.",
              "Definition of the Bayes error."),
    Described("BV9", "More data would help", Evidence.TEST, Severity.LIMIT,
              "A learning curve over sizes and seeds falls, and a back-test on the largest size lies inside.",
              "Collect more rows like these.", "The prediction against what comes with more rows.",
              "Mohr et al., 2022, and Viering and Loog, 2023 (families of learning curves)."),
)  # fmt: skip

# From the curves of a training that somebody else made: `diagnosis.training`.
CURVES = (
    Described("NU4", "The training diverged", Evidence.PROOF, Severity.FAULT, "The loss stopped being finite.",
              "A lower learning rate, warm-up, or gradient clipping.", "The same training ends with finite losses.",
              "Definition."),
    Described("OP14", "The training never got under way", Evidence.SIGNAL, Severity.LIMIT,
              "The last training cost is that of a model that does not look at the inputs.",
              "Another learning rate, warm-up, or batch normalisation.", "The cost falls below it.",
              "Entropy of the targets, or their variance."),
    Described("OP1", "The learning rate is probably too high", Evidence.SIGNAL, Severity.LIMIT,
              "The training cost itself rose again, and stayed up.",
              "A lower learning rate, warm-up, or gradient clipping.", "A lower dev cost with it.",
              "Smith, 2017 (range test)."),
    Described("BV11", "It was trained for too many epochs", Evidence.SIGNAL, Severity.NOTE,
              "The dev cost rose for good while the training cost fell.", "Early stopping; regularisation.",
              "The dev cost of the best epoch, on fresh rows.", "Prechelt, 1998 (early stopping)."),
    Described("BV10", "It was probably trained for too few epochs", Evidence.SIGNAL, Severity.LIMIT,
              "The dev cost was still falling in the last third, by more than matters.",
              "Longer training, or another learning rate.", "The dev cost of twice as many epochs.",
              "Sen, 1968 (slope)."),
    Described("OP2", "The learning rate is probably too low", Evidence.SIGNAL, Severity.LIMIT,
              "The training cost still falls in a straight line at the end.", "A higher learning rate.",
              "A lower cost after as many epochs.", "Smith, 2017 (range test)."),
)  # fmt: skip

# From the dev losses of a loop that somebody else wrote, and says to have stopped by them: `burnish.Monitor`.
LOOPS = (
    Described("OP12", "Early stopping probably came too early", Evidence.SIGNAL, Severity.LIMIT,
              "After the lowest dev loss none was above noise, and the trend still fell by more than matters.",
              "More patience, or an average of several evaluations before they are compared.",
              "A lower dev loss of the longer training.", "Prechelt, 1998 (early stopping); Sen, 1968 (slope)."),
)  # fmt: skip

# Of the audit of tables and images (DA27), and about images alone: `data.image_audit`. What else they share with tables
# (copies, leaks, rare classes) has codes of tables.
IMAGES = (
    Described("DA21", "Some classes have no images", Evidence.PROOF, Severity.LIMIT,
              "A folder of a class without an image that can be read.", "Add images of them, or remove the folders.",
              "Each class has dev images.", "Definition."),
    Described("DA27", "Values are equal but for case and spaces", Evidence.PROOF, Severity.LIMIT,
              "Classes, or values of a category (a note), that are one once case is folded and spaces are collapsed.",
              "Write each of them in one way.", "Each class is counted once, and the dev error is of that.",
              "Definition; the Unicode Standard, 3.13 (case folding)."),
    Described("DA29", "Some files are no images that can be used", Evidence.PROOF, Severity.NOTE,
              "Files that cannot be decoded.", "Restore the broken ones, or remove them.", "No file is refused.",
              "Definition."),
    Described("DA30", "Some images are blank", Evidence.PROOF, Severity.NOTE, "Images of one tone all over.",
              "Remove them, unless an empty picture is what the class looks like.", "None is left.", "Definition."),
    Described("DA31", "Some images are tiny", Evidence.PROOF, Severity.NOTE,
              "Images that are enlarged several times to the common size.", "Replace them by the originals.",
              "None is enlarged.", "Definition."),
    Described("DA32", "Images were made alike", Evidence.PROOF, Severity.NOTE,
              "Images that were turned upright, made grey or coloured, or cut to one size.",
              "Nothing, if that is right.", "The pictures in the report.", "Definition."),
)  # fmt: skip

# From predictions and seeds of a run, in this room.
PREDICTIONS = (BV12, BV13, BV14, BV15)
