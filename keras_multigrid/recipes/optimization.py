"""The optimizer of a recipe, and its learning rate."""

import keras

from keras_multigrid.applications.paper import paper_model
from keras_multigrid.optimizers import SGD, AdamWithRateFactors, SGDWithRateFactors
from keras_multigrid.schedules import ExponentialPerEpoch, StepwisePerEpoch


def make_optimizer(recipe):
    """Returns a new optimizer, one with rate factors where the recipe has a `loaded_rate`."""
    options = {"weight_decay": recipe.weight_decay or None, "clipnorm": recipe.clip_norm}
    if recipe.accumulation > 1:
        options["gradient_accumulation_steps"] = recipe.accumulation
    if recipe.ema:
        options.update(use_ema=True, ema_momentum=recipe.ema)
    with_factors = recipe.loaded_rate is not None
    rate = learning_rate(recipe)
    if recipe.optimizer == "adam":
        adam = AdamWithRateFactors if with_factors else keras.optimizers.Adam
        return adam(rate, beta_2=recipe.beta_2, epsilon=recipe.epsilon, **options)
    sgd = SGDWithRateFactors if with_factors else SGD
    return sgd(rate, momentum=recipe.momentum, decoupled=recipe.decoupled, **options)


def learning_rate(recipe):
    """Returns the learning rate of a recipe, or its schedule."""
    is_residual = paper_model(recipe.model).residual
    schedule = recipe.schedule or ("stepwise" if is_residual else "exponential")
    if schedule == "constant":
        return recipe.learning_rate
    if schedule == "exponential":
        end = recipe.learning_rate / 1000
        return ExponentialPerEpoch(recipe.epochs, recipe.steps_per_epoch, recipe.learning_rate, end)
    if schedule == "stepwise":
        boundaries = {max(1, round(share * recipe.epochs)) for share in recipe.drops}
        return StepwisePerEpoch(
            recipe.steps_per_epoch, sorted(boundaries), recipe.drop_factor, recipe.learning_rate
        )
    steps = recipe.epochs * recipe.steps_per_epoch
    rising = round(recipe.warmup * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, steps - rising, warmup_target=recipe.learning_rate, warmup_steps=rising
    )
