"""Work in batches of one size."""


def even_batches(items, batch_size):
    """Returns lists of items, as few as possible and as equal as possible, the last the shortest.

    Compiled functions get batches of one size; the less the last one lacks, the less is computed
    in vain.
    """
    count = -(-len(items) // batch_size)
    size = -(-len(items) // count)
    return [items[start : start + size] for start in range(0, len(items), size)]
