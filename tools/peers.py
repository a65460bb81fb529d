"""Peers to measure against: ResNet-34 out of stock Keras layers, timm's HRNet in PyTorch."""

import keras

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
HRNET = "hrnet_w18_small"


def resnet34(classes=1000):
    """Returns ResNet-34 with basic blocks and projections where the shape changes."""
    image = keras.Input((224, 224, 3))
    x = _unit(image, 64, 7, 2)
    x = keras.layers.MaxPooling2D(3, 2, padding="same")(x)
    for stage, (filters, blocks) in enumerate(STAGES):
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            shortcut = x
            if x.shape[-1] != filters:
                shortcut = _unit(x, filters, 1, strides, relu=False)
            x = _unit(_unit(x, filters, 3, strides), filters, 3, 1, relu=False)
            x = keras.layers.ReLU()(keras.layers.Add()([x, shortcut]))
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(classes, activation="softmax")(x)
    return keras.Model(image, outputs, name="ResNet-34")


def _unit(x, filters, kernel_size, strides, relu=True):
    x = keras.layers.Conv2D(filters, kernel_size, strides, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return keras.layers.ReLU()(x) if relu else x


def has_hrnet():
    """Whether timm and PyTorch are installed, and work."""
    try:
        import timm  # noqa: F401
    except (ImportError, RuntimeError):  # RuntimeError: a torchvision of another PyTorch
        return False
    return True


class HRNet:
    """timm's HRNet, channels last, with a step of training and of inference.

    Unlike the networks of Keras it is float32, not compiled, and finds its images on the device.
    """

    name = f"timm {HRNET}"

    def __init__(self, batch_size):
        import timm
        import torch

        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = timm.create_model(HRNET, pretrained=False).to(self.device)
        self.model = self.model.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3, momentum=0.9)
        images = torch.rand(batch_size, 3, 224, 224, device=self.device)
        self.images = images.to(memory_format=torch.channels_last)
        self.labels = torch.zeros(batch_size, dtype=torch.int64, device=self.device)

    def macs(self):
        """Counts multiply-adds per image of convolutions and dense layers, as `profile` does."""
        import torch

        counts = []

        def count(module, inputs, outputs):
            products = module.weight[0].numel()  # per output number
            counts.append(products * outputs[0].numel())

        kinds = (torch.nn.Conv2d, torch.nn.Linear)
        hooks = [
            module.register_forward_hook(count)
            for module in self.model.modules()
            if isinstance(module, kinds)
        ]
        self.predict()
        for hook in hooks:
            hook.remove()
        return sum(counts)

    def train(self):
        import torch

        self.model.train()
        self.optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(self.model(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def predict(self):
        import torch

        self.model.eval()
        with torch.no_grad():
            return self.model(self.images).cpu()
