"""Segmentation of overlapping digits (paper, Table 2) in plain Keras, with data and nets from here.

    python applications/segmentation.py PMG-11 runs/pmg11.keras

The same as `keras-multigrid train mnist_segmentation`, without its reports. The full training of
the paper takes a GPU; the number of epochs is here to be changed.
"""

import sys

import keras_multigrid as kmg

EPOCHS, STEPS, BATCH = 200, 150, 64

if len(sys.argv) != 3:
    sys.exit(f"usage: {sys.argv[0]} NETWORK FILE.keras    (a network of Table 2, such as PMG-11)")
network, file = sys.argv[1:]


def prepared(split, **options):
    data = kmg.datasets.load("mnist_segmentation", split, BATCH, source="digits", **options)
    return data.map(lambda images, masks: (kmg.applications.preprocess_digits(images), masks))


model = kmg.applications.create_model(network)
if kmg.applications.paper_model(network).residual:
    rate = kmg.schedules.StepwisePerEpoch(STEPS)
else:
    rate = kmg.schedules.ExponentialPerEpoch(EPOCHS, STEPS)
model.compile(
    kmg.optimizers.SGD(rate, momentum=0.9, weight_decay=5e-4),
    "binary_crossentropy",
    metrics=[kmg.metrics.RegionIoU(), kmg.metrics.LabelledPixelError()],
)
kmg.training.resumable_fit(
    model,
    lambda first_batch: prepared("train", first_batch=first_batch),
    EPOCHS,
    STEPS,
    folder=f"{file}.checkpoints",
    validation_data=prepared("validation"),
)
model.evaluate(prepared("test"))
model.save(file)
