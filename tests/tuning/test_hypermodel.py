"""What is searched, over any constructor, and with KerasTuner's own tuners."""

import keras
import keras_tuner
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.complexity import count
from keras_multigrid.tuning import Budget, MultigridHyperModel, SearchSpace


def space_of(hypermodel):
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    return {each.name: each for each in hp.space}


@pytest.mark.parametrize("name", kmg.applications.list_models())
def test_the_first_candidate_is_the_network_itself(name):
    hypermodel = MultigridHyperModel(name)
    candidate = hypermodel.candidate(keras_tuner.HyperParameters())
    assert candidate.count == count(hypermodel.constructor)
    assert count(hypermodel.constructor, **candidate.network()) == candidate.count


def test_the_papers_ratios_are_found():
    for name, ratios in (
        ("VGG-6", (1,)),
        ("MG-11", (1, 0.5, 0.25)),
        ("PMG-11", (1, 0.5, 0.25, 0.125)),
        ("R-PMG-30-SEG", (1, 2, 4, 8)),
        ("BL1-MNIST", None),
    ):
        assert MultigridHyperModel(name).own_ratios == ratios


def test_every_hyperparameter_reaches_the_network():
    space = SearchSpace(
        ratios=(0.5, 1), grids=(2, 3), depths=(1, 2), widths=(0.1, 0.2), learning_rates=(0.1,)
    )
    hypermodel = MultigridHyperModel(kmg.applications.MG, space, depth=6, classes=10)
    hp = keras_tuner.HyperParameters()
    hp.values = {"grids": 3, "ratio_1": 1.0, "ratio_2": 0.5, "depth": 2, "width": 0.2}
    candidate = hypermodel.candidate(hp)
    assert candidate.settings() == {
        "channel_ratios": (1, 1, 0.5),
        "width_multiplier": 0.2,
        "depth": 2,
        "learning_rate": 0.1,
    }
    model = hypermodel.build(hp)
    assert model.output_shape == (None, 10)
    assert model.get_layer("section1_unit2_conv").filters == (13, 13, 6)


def test_ratios_of_absent_grids_are_not_searched():
    hypermodel = MultigridHyperModel("PMG-11", SearchSpace(grids=(1, 3)))
    names = space_of(hypermodel)
    assert {*names} == {"network", "grids", "ratio_1", "ratio_2"}
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    hp.values["grids"] = 1
    assert not hp.is_active(names["ratio_1"])
    assert hypermodel.candidate(hp).channel_ratios == (1,)


def test_values_rounded_on_their_way_are_recognized():
    space = SearchSpace(ratios=(0.1, 0.3), learning_rates=(0.003, 0.01))
    hp = keras_tuner.HyperParameters()
    hp.values = {"ratio_1": float(np.float32(0.3)), "learning_rate": float(np.float32(0.003))}
    candidate = MultigridHyperModel("MG-6", space).candidate(hp)
    assert candidate.channel_ratios[1] == 0.3 and candidate.learning_rate == 0.003


@pytest.mark.parametrize(
    ("network", "space", "message"),
    [
        ("MG-6", {"grids": ()}, r"grids is \(\); expected one or more values"),
        ("MG-6", {"ratios": 0.5}, "ratios is 0.5; expected one or more values"),
        ("MG-6", {"ratios": (0.5, -1)}, "ratios has -1; expected positive numbers"),
        ("MG-6", {"depths": (1.5,)}, "depths has 1.5; expected positive integers"),
        ("MG-6", {"grids": (9,)}, "channel_ratios has 9 entries; expected 1 to 6"),
        ("BL1-MNIST", {"grids": (2,)}, "BLMNIST1 has no grids to choose from"),
        ("U-NET-11", {"depths": (2,)}, "depths cannot be searched: UNETSEG has no depth"),
        ("ResNet-50", {"widths": (2,)}, "ResNet50 has no width_multiplier"),
        ("MG-7", {}, "no network 'MG-7'"),
    ],
)
def test_what_cannot_be_searched_is_refused(network, space, message):
    with pytest.raises(ValueError, match=message):
        MultigridHyperModel(network, SearchSpace(**space))


def test_widths_are_not_searched_under_a_budget():
    with pytest.raises(ValueError, match="leave widths out"):
        MultigridHyperModel("MG-6", SearchSpace(widths=(1, 2)), Budget(max_params=10**6))


def test_keras_tuners_own_tuner_takes_it(tmp_path):
    def compile(model, candidate):
        model.compile(keras.optimizers.SGD(candidate.learning_rate), "binary_crossentropy")

    budget = Budget(max_params=3000)
    hypermodel = MultigridHyperModel(
        "PMG-11",
        SearchSpace(ratios=(0.5, 1), grids=(2,), learning_rates=(0.1, 0.2)),
        budget,
        compile,
        input_shape=(8, 8, 1),
    )
    tuner = keras_tuner.RandomSearch(
        hypermodel, objective="val_loss", max_trials=2, directory=tmp_path, project_name="search"
    )
    images, masks = np.zeros((4, 8, 8, 1)), np.zeros((4, 8, 8, 10))
    tuner.search(images, masks, validation_data=(images, masks), epochs=1, verbose=0)
    (best,) = tuner.get_best_models(1)
    assert best.count_params() > 2000
    assert budget.share(hypermodel.candidate(tuner.get_best_hyperparameters()[0]).count) <= 1
