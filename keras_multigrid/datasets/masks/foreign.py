"""Annotations of other programs, recognized, and what makes masks of them."""

import itertools
import json
import pathlib

MOST_LOOKED_AT = 50
MOST_BYTES = 2**29


def foreign_sentence(directory):
    """Returns a sentence on annotations of COCO or labelme below a directory, or None."""
    paths = itertools.islice(pathlib.Path(directory).rglob("*.json"), MOST_LOOKED_AT)
    for path in sorted(paths):
        kind = _kind_of(path)
        if kind == "COCO":
            return (
                f" {path} has COCO's annotations: make masks of them with pycocotools, "
                "mask[coco.annToMask(annotation) > 0] = annotation['category_id'] for each "
                "annotation, and save them as PNG in masks/."
            )
        if kind == "labelme":
            return (
                f" {path} is of labelme: make masks of its files with labelme's "
                "examples/semantic_segmentation/labelme2voc.py, whose folder can be read."
            )
    return None


def _kind_of(path):
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    if {"images", "annotations", "categories"} <= {*value}:
        return "COCO"
    return "labelme" if {"shapes", "imagePath"} <= {*value} else None
