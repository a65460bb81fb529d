"""Checks of the settings that say how images and masks are read, before anything is."""

from functools import partial

from keras_multigrid import checks
from keras_multigrid.datasets.class_folders import check_class_names
from keras_multigrid.datasets.masks.patterns import check_pattern
from keras_multigrid.type_hints import is_integer


def check_settings(
    *,
    data_dir,
    mask_pattern,
    field_of_view_pattern,
    class_names,
    mask_values,
    ignore_index,
    seed,
    folds,
    fold,
):
    """Raises a `ValueError` if one of them is of a wrong type; they are those of `mask_folder`."""
    checks.paths(data_dir=data_dir)
    check_pattern(mask_pattern=mask_pattern, field_of_view_pattern=field_of_view_pattern)
    if class_names is not None:
        check_class_names(class_names)
    integers_of("mask_values", mask_values)
    integers_of("ignore_index", ignore_index)
    checks.integers(seed=seed)
    checks.optional(partial(checks.integers, 2), folds=folds)
    checks.optional(partial(checks.integers, 0), fold=fold)


def integers_of(name, value):
    """Returns a setting, given by its name, as a tuple of integers; None is an empty one."""
    values = () if value is None else value if isinstance(value, list | tuple) else (value,)
    if not all(is_integer(each) and each >= 0 for each in values) or len({*values}) < len(values):
        raise ValueError(f"{name} is {value!r}; expected an integer from 0 on, or several.")
    return tuple(int(each) for each in values)
