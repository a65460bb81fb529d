"""What every experiment of the paper has in common: its fields, its optimizer, its network."""

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from keras_multigrid.applications import create_model
from keras_multigrid.applications.paper import paper_model
from keras_multigrid.recipes.constraints import check_recipe
from keras_multigrid.recipes.optimization import make_optimizer
from keras_multigrid.recipes.remat import keep_convolutions_only

EVALUATION_BATCH = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """The fields of every recipe; a subclass is a family of experiments.

    Attributes:
        model: The network, a name of `list_models`.
        width_multiplier: Factor on the network's widths.
        channel_ratios: Widths of the grids relative to the finest; None is the paper's.
        repeats: The paper's n, layers or units of each section; None is the network's own.
        source: Source of digits, `"mnist"` or `"digits"`; where there are none it is ignored.
        data_dir: Where TensorFlow Datasets keeps its data, or the folder of images.
        weights: Weights to start from, where a training begins: a name of `list_weights`, a file,
            `hf://user/repo/file`, or a run's folder, of which the last good checkpoint is taken if
            it is not finished.
        freeze: Patterns of names of layers that are not trained, such as `input_*`; within a
            module `module/layer`. Their batch normalization keeps its statistics.
        loaded_rate: Factor on the learning rate, and so on decoupled decay, of what `weights` has
            loaded: not of a head left out for other classes. None is 1.
        seed: Seed of weights and data.
        deterministic: Whether TensorFlow's operations must be deterministic; slower.
        epochs: Number of epochs.
        steps_per_epoch: Batches per epoch.
        batch_size: Samples per batch, over all devices and processes.
        precision: Keras dtype policy: `"float32"`, or for GPUs and TPUs `"mixed_bfloat16"`, or
            `"mixed_float16"`, which scales the loss.
        optimizer: `"sgd"`, the paper's, or `"adam"`, which learns more in short trainings.
        schedule: Learning rate: `"exponential"` to a thousandth, `"stepwise"`, `"cosine"` up from
            zero and down to it, or `"constant"`; None is the paper's for the network: stepwise for
            residual ones, else exponential.
        learning_rate: Its start, of `"cosine"` its highest.
        warmup: For `"cosine"`: share of the steps in which it rises.
        drops: For `"stepwise"`: shares of the epochs after which it is multiplied.
        drop_factor: For `"stepwise"`: the factor.
        momentum: Of SGD.
        beta_2: Of Adam: momentum of the mean squares.
        epsilon: Of Adam.
        weight_decay: L2 penalty, in the gradient of all weights.
        decoupled: Whether to decay the weights apart from the gradient; Adam always does.
        clip_norm: Largest norm of a weight's gradient; None does not clip.
        accumulation: Batches whose gradients are averaged for one update.
        ema: Momentum of an exponential moving average of the weights, such as 0.999, that
            validation uses and that the trained network gets; None is no average.
        jit_compile: Whether XLA compiles the training; None is Keras' choice.
        threads: Threads of each operation, on TensorFlow, unless this process has used it already;
            None is all cores. With 1, a small network's grids are computed side by side.
        remat: Whether to compute activations again in the backward pass instead of keeping them
            (gradient checkpointing; JAX only).
        devices: Devices that share a batch, of each process.
        validation: Whether to evaluate after every epoch.
        evaluation_batches: Most batches of validation and test data; None takes all.
        checkpoint_seconds: Seconds between checkpoints, at least.
    """

    model: str = "PMG-11"
    width_multiplier: float = 1.0
    channel_ratios: tuple[float, ...] | None = None
    repeats: int | None = None
    source: str = "mnist"
    data_dir: str | None = None
    weights: str | None = None
    freeze: tuple[str, ...] | None = None
    loaded_rate: float | None = None
    seed: int = 0
    deterministic: bool = False
    epochs: int = 200
    steps_per_epoch: int = 300
    batch_size: int = 128
    precision: str = "float32"
    optimizer: str = "sgd"
    schedule: str | None = None
    learning_rate: float = 0.1
    warmup: float = 0.05
    drops: tuple[float, ...] = (0.3, 0.6, 0.8)
    drop_factor: float = 0.2
    momentum: float = 0.9
    beta_2: float = 0.99
    epsilon: float = 1e-7
    weight_decay: float = 5e-4
    decoupled: bool = False
    clip_norm: float | None = None
    accumulation: int = 1
    ema: float | None = None
    jit_compile: bool | None = None
    threads: int | None = None
    remat: bool = False
    devices: int = 1
    validation: bool = True
    evaluation_batches: int | None = None
    checkpoint_seconds: float = 60.0

    NAME: ClassVar[str]
    SCALES: ClassVar[dict]  # from scale to changed fields
    LOSS: ClassVar[str]
    TEST_SPLIT: ClassVar[str] = "test"
    VALIDATION_SPLIT: ClassVar[str] = "validation"
    OBJECTIVE: ClassVar[str]  # the metric by which tuning chooses
    NONE_IS_A_CHOICE: ClassVar[tuple[str, ...]] = ()  # fields of which None leaves it to a plan
    TABLE: ClassVar[str | None] = None  # of the paper, by the networks' `PaperModel.scores`

    def __post_init__(self):
        check_recipe(self)

    def network(self):
        """Returns the network with the weights that it starts from scratch with, not compiled."""
        return self.build_network()

    def build_network(self, **options):
        """Returns the network before any weights are loaded; options are of its constructor."""
        return create_model(self.model, **{**self.network_arguments(), **options})

    def constructor(self):
        """Returns the function that makes the network."""
        return paper_model(self.model).constructor

    def network_name(self):
        """Returns the network's name, in its file and on pages."""
        return self.model

    def network_arguments(self):
        """Returns the arguments of the network's constructor, but for those of its own choice."""
        arguments = {"classes": self.classes(), **self.size_arguments()}
        if self.width_multiplier != 1:
            arguments["width_multiplier"] = self.width_multiplier
        if self.channel_ratios:
            arguments["channel_ratios"] = self.channel_ratios
        if self.repeats is not None:
            arguments["repeats"] = self.repeats
        return arguments

    def size_arguments(self):
        """Returns the constructor's arguments that set the size of an input."""
        return {"input_shape": self.input_shape()} if self.input_shape() else {}

    def starting_weights(self):
        """Returns what the training starts from, as `weights`; None is from scratch."""
        return self.weights

    def load_backbone(self, model):
        """Loads what a part of the network starts from; returns its variables, or None."""

    def compile(self, model):
        """Gives a model its loss, its metrics, and its optimizer."""
        if self.remat:
            keep_convolutions_only(model)
        jit_compile = "auto" if self.jit_compile is None else self.jit_compile
        model.compile(
            make_optimizer(self), self.loss(), metrics=self.metrics(), jit_compile=jit_compile
        )

    def loss(self):
        """Returns the loss of `keras.Model.compile`."""
        return self.LOSS

    def classes(self):
        """Returns the number of outputs."""
        raise NotImplementedError

    def input_shape(self):
        """Returns the shape of an input, or None for the network's own."""

    def counted_shape(self):
        """Returns the shape of an input that is counted by; None if the network has one."""

    def label_names(self):
        """Returns the names of the outputs in their order, or None where they have none."""

    def settled(self, begun=None):
        """Returns the recipe with what a run takes from its data; `begun` is what it continues."""
        return self

    def asked(self):
        """Returns the recipe without what `settled` would find again, as people ask for it."""
        return self

    def check_data(self):
        """Raises an error if the data have a fault that can be told before any work."""

    def fold_recipes(self):
        """Returns the recipes of the folds, if it is a cross-validation; others have none."""
        return ()

    def baselines(self):
        """Returns the recipes that a run trains as well, to be compared with; none trains more."""
        return ()

    @functools.cached_property
    def skipped(self):
        """Set of the files that were passed over so far, as they cannot be decoded."""
        return set()

    def folder_name(self):
        """Returns what the names of its runs' folders begin with."""
        return f"{self.NAME}-{self.model}"

    def task(self):
        """Returns what is kept in the file of a network for segmentation; others have None."""

    def callbacks(self, folder):
        """Returns new Keras callbacks of its training in a run's folder."""
        return []

    def metrics(self):
        """Returns new metrics."""
        raise NotImplementedError

    def load(self, split, batch_size, **options):
        """Returns a `tf.data.Dataset` of what the network reads and what it should give.

        Args:
            split: Name of the split.
            batch_size: Samples per batch.
            **options: `first_batch`, `share`, `shuffle` of `keras_multigrid.datasets.load`.
        """
        raise NotImplementedError

    def tuning_splits(self):
        """Returns the names of the data to train on, and to choose by, when settings are tuned."""
        return "train", self.VALIDATION_SPLIT

    def load_evaluation(self, split):
        """Returns the data of a split to evaluate on, the same in each run and pass."""
        data = self.load(split, min(self.batch_size, EVALUATION_BATCH))
        return data.take(self.evaluation_batches) if self.evaluation_batches else data

    def evaluate(self, model, split, verbose="auto"):
        """Returns the loss and the metrics of a model, by name, on the data of a split."""
        model.compile(loss=self.loss(), metrics=self.metrics())
        return model.evaluate(self.load_evaluation(split), verbose=verbose, return_dict=True)

    def preprocessing(self, folder):
        """Returns the layers between images with values from 0 to 255 and the network.

        They do what `load` does for evaluation; a first `ResizedCentre` takes images of any size,
        and the last is the `rescaling` that `sent_images` inverts.

        Args:
            folder: The run's folder.
        """
        raise NotImplementedError

    def served_network(self, model):
        """Returns the trained network as it is to be exported."""
        return model

    def sent_images(self, split, count):
        """Returns at most so many images as clients send them, float32 to 255, and targets."""
        data = self.load_evaluation(split).unbatch().take(count).batch(count)
        images, targets = next(data.as_numpy_iterator())
        last = self.preprocessing(None)[-1]
        raw = (images - np.array(last.offset)) / np.array(last.scale)
        return raw.astype("float32"), targets

    def begin(self, folder):
        """Writes into a run's folder what is settled besides the recipe's fields."""

    def keep(self, folder, model):
        """Writes into a run's folder what is kept of the trained network besides its own file."""

    def draw(self, folder, models, results):
        """Draws what shows what the networks do; returns (title, file name) of each picture.

        Args:
            folder: The run's folder.
            models: Mapping from names to trained networks: its own first, then the baselines'.
            results: The values of the metrics, as in `metrics.json`.
        """
        return []

    def summary(self, results):
        """Returns what `metrics.json` has at its top besides the values of the metrics."""
        return {}

    def write_page(self, folder, model, metrics, log):
        """Writes a finished run's page in place of `report.md`; returns whether it did."""

    def scores(self, results):
        """Returns what a table of the paper shows, in percent, from the values of the metrics."""
        raise NotImplementedError

    def paper_scores(self):
        """Returns the paper's `scores` of the network; none if its table does not list it."""
        return paper_model(self.model).scores.get(self.TABLE, {})
