"""What is counted of a model."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class LayerProfile:
    """One call of one layer.

    Attributes:
        name: The layer's name.
        type: Its class.
        output_shape: Shape, or list of shapes, of what it returns, without the batch.
        trainable_params: Number of trainable weights.
        macs: Multiply-adds per image; None if this kind of layer is not counted.
    """

    name: str
    type: str
    output_shape: object
    trainable_params: int
    macs: int | None


@dataclasses.dataclass(frozen=True)
class ModelProfile:
    """What `profile` returns; printing it shows a table.

    Attributes:
        name: The model's name.
        trainable_params: Number of trainable weights of the model.
        macs: Multiply-adds per image of its convolutions and dense layers.
        rows: A `LayerProfile` per layer call, in the order of computation.
        channels: The last side of each trainable weight, in their order.
    """

    name: str
    trainable_params: int
    macs: int
    rows: tuple
    channels: tuple

    def __str__(self):
        lines = [f"{'layer':<36} {'type':<26} {'parameters':>12} {'multiply-adds':>16}  output"]
        for row in self.rows:
            macs = "not counted" if row.macs is None else f"{row.macs:,}"
            lines.append(
                f"{row.name:<36} {row.type:<26} {row.trainable_params:>12,} {macs:>16}  "
                f"{_shape_text(row.output_shape)}"
            )
        lines.append(f"{self.name:<63} {self.trainable_params:>12,} {self.macs:>16,}")
        return "\n".join(lines)


def _shape_text(shape):
    if isinstance(shape, list):
        return ", ".join(map(_shape_text, shape))
    return "x".join(map(str, shape))
