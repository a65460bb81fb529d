"""Load for `keras-multigrid serve` by locust (`pip install locust`): one image a request.

    locust -f tools/locust_predictions.py --headless -u 16 -r 16 -t 30s -H http://127.0.0.1:8501

`MODEL` and `SIZE` in the environment name the model, and the images' HEIGHTxWIDTHxCHANNELS. What
HTTP costs is told beside OpenVINO's own program on the same network and shapes:

    benchmark_app -m exported/MG-6/1 -d CPU -data_shape "images[16,64,64,3]" -t 10 -hint latency
"""

import json
import os
import random

from locust import FastHttpUser, constant, task

MODEL = os.environ.get("MODEL", "R-PMG-20")
HEIGHT, WIDTH, CHANNELS = map(int, os.environ.get("SIZE", "64x64x1").split("x"))


def body(seed):
    draw = random.Random(seed).randrange
    image = [[[draw(256) for _ in range(CHANNELS)] for _ in range(WIDTH)] for _ in range(HEIGHT)]
    return json.dumps({"instances": [image]})


BODIES = [body(seed) for seed in range(32)]


class Client(FastHttpUser):
    """Asks again as soon as it has an answer; status and number of predictions are checked."""

    wait_time = constant(0)

    @task
    def predict(self):
        path = f"/v1/models/{MODEL}:predict"
        with self.client.post(path, data=random.choice(BODIES), catch_response=True) as answer:
            if answer.status_code != 200 or len(answer.json()["predictions"]) != 1:
                answer.failure(answer.text[:200])
