"""Class folders as splits, and as a pipeline."""

import shutil

import numpy as np
import pytest
from PIL import Image

from keras_multigrid.datasets.class_batches import class_batches
from keras_multigrid.datasets.class_splits import read_class_set
from keras_multigrid.datasets.mask_augmentation import MaskAugmentation
from tests.datasets.animals import LEVELS, draw
from tests.datasets.seeking import assert_continues, assert_seekable, assert_shared


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("animals"))


class TestSplits:
    def test_a_fifth_of_each_class_is_drawn(self, folder):
        class_set = read_class_set(folder)
        assert class_set.class_names == ("cat", "dog", "eel") and class_set.drawn
        assert [label for _, label in class_set.of("train")] == [0] * 4 + [1] * 4 + [2] * 4
        assert [label for _, label in class_set.of("validation")] == [0, 1, 2]
        assert not {*class_set.of("train")} & {*class_set.of("validation")}
        assert len(class_set.of("all")) == 15

    def test_the_seed_draws(self, folder):
        assert read_class_set(folder).splits == read_class_set(folder).splits
        others = [read_class_set(folder, seed=seed).of("validation") for seed in range(1, 5)]
        assert any(each != read_class_set(folder).of("validation") for each in others)

    def test_given_splits_are_taken_and_the_lacking_one_drawn(self, tmp_path):
        draw(tmp_path / "train")
        draw(tmp_path / "test", 2, first=5)
        class_set = read_class_set(tmp_path)
        counts = {name: len(images) for name, images in class_set.splits.items()}
        assert class_set.drawn and counts == {"train": 12, "validation": 3, "test": 6}
        draw(tmp_path / "val", 1, first=7)
        class_set = read_class_set(tmp_path)
        counts = {name: len(images) for name, images in class_set.splits.items()}
        assert not class_set.drawn and counts == {"train": 15, "validation": 3, "test": 6}
        with pytest.raises(ValueError, match="has the splits train, validation, test, and no dev"):
            class_set.of("dev")

    @pytest.mark.filterwarnings("ignore:.*classes without images")
    def test_labels_are_those_of_training_where_a_class_is_missing(self, tmp_path):
        draw(tmp_path / "train", 1)
        draw(tmp_path / "validation", 1, ("cat", "eel"), first=1)
        assert [label for _, label in read_class_set(tmp_path).of("validation")] == [0, 2]
        images = read_class_set(tmp_path, class_names=("eel", "dog", "cat")).of("validation")
        assert [label for _, label in images] == [0, 2] and "eel" in images[0][0]
        ((_, labels),) = class_batches(images, 4, 8)
        assert labels.numpy().tolist() == [0, 2]

    def test_a_single_image_is_for_training(self, tmp_path):
        draw(tmp_path, 1, ("cat",))
        draw(tmp_path, 2, ("dog",))
        class_set = read_class_set(tmp_path)
        assert [label for _, label in class_set.of("train")] == [0, 1]
        shutil.rmtree(tmp_path / "dog")
        with pytest.raises(ValueError, match="There are 1 images, one a class at most; expected"):
            read_class_set(tmp_path)

    def test_the_digest_knows_images_splits_and_not_places(self, folder, tmp_path):
        before = read_class_set(folder).digest()
        shutil.copytree(folder, tmp_path / "moved")
        assert read_class_set(tmp_path / "moved").digest() == before
        assert read_class_set(folder, seed=3).digest() != before
        draw(tmp_path / "moved", 1, ("cat",), first=9)
        assert read_class_set(tmp_path / "moved").digest() != before

    def test_no_folders_are_one_sentence(self, tmp_path):
        for path in (tmp_path, tmp_path / "none"):
            with pytest.raises(ValueError, match="expected one folder of images per class"):
                read_class_set(path)


class TestBatches:
    def load(self, folder, batch_size=4, **options):
        own = {"smallest_area": 0.4, "augmentation": MaskAugmentation(), "shuffle": True}
        images = read_class_set(folder).of("train")
        return class_batches(images, batch_size, 8, **{**own, **options})

    def test_batches_are_seekable_shared_and_continued(self, folder, tmp_path):
        def load(**options):
            return self.load(folder, **options)

        assert_seekable(load, 3)
        assert_shared(load)
        assert_continues(load, tmp_path)

    def test_small_data_fill_a_batch(self, folder):
        images, labels = next(iter(self.load(folder, 30, first_batch=0)))
        assert images.shape == (30, 8, 8, 3) and np.bincount(labels).min() >= 5

    def test_windows_are_of_their_image(self, folder):
        data = self.load(folder, 12, augmentation=None)
        images, labels = next(iter(data))
        levels = np.array([*LEVELS.values()])[labels]
        np.testing.assert_allclose(images.numpy().mean(axis=(1, 2, 3)), levels, atol=8)

    def test_large_images_are_kept_small(self, tmp_path):
        path = tmp_path / "large.png"
        Image.fromarray(np.full((400, 500, 3), 77, "uint8")).save(path)
        data = class_batches([(path, 0)], 1, 8, smallest_area=1.0)
        images, _ = next(iter(data))
        np.testing.assert_allclose(images, 77, atol=1e-3)
