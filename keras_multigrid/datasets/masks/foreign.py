"""Annotations of other programs, recognized, and what makes masks of them."""

import itertools
import json
import pathlib
import re

MOST_LOOKED_AT = 50
MOST_BYTES = 2**29
MOST_OF_TEXT = 2**16
YOLO = re.compile(rb"\d+( +[01]?\.?\d*(e-\d+)?){4,}")  # a class, and numbers from 0 to 1


def foreign_sentence(directory):
    """Returns a sentence on annotations of COCO, labelme or YOLO below a directory; else ``""``."""
    for path in _first(directory, "*.json"):
        kind = _kind_of_json(path)
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
    for path in _first(directory, "labels/*.txt"):
        if YOLO.fullmatch(path.read_bytes()[:MOST_OF_TEXT].partition(b"\n")[0].strip()):
            return (
                f" {path} is of YOLO, a box or an outline a line: draw the outlines, in pixels, "
                "into masks with Pillow's ImageDraw.polygon, and save them as PNG in masks/."
            )
    return ""


def _first(directory, pattern):
    return sorted(itertools.islice(pathlib.Path(directory).rglob(pattern), MOST_LOOKED_AT))


def _kind_of_json(path):
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
