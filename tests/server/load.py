"""A process that loads a server: `python load.py PORT FILE.npz REQUESTS`.

The file has images, and what should be answered to them, in `probabilities` and `classes`.
"""

import concurrent.futures
import http.client
import json
import sys
import threading

import numpy as np

CLIENTS = 16


def main(port, path, requests):
    with np.load(path) as arrays:
        images, probabilities, classes = (
            arrays[name] for name in ("images", "probabilities", "classes")
        )
    bodies = [json.dumps({"instances": [image.tolist()]}) for image in images]
    local = threading.local()

    def ask(number):
        index = number % len(images)
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        local.connection.request("POST", "/v1/models/digits:predict", bodies[index])
        response = local.connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer
        (row,) = json.loads(answer)["predictions"]
        np.testing.assert_allclose(row["probabilities"], probabilities[index], atol=1e-6)
        assert row["classes"] == classes[index]

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        answered = sum(1 for _ in pool.map(ask, range(requests)))
    print(f"{answered} answers, {CLIENTS} at a time")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
