"""Ways in which files get damaged: functions of good bytes, by what is done."""

import copy
import io
import json
import zipfile


def foreign_zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hello.txt", "hello")
    return file.getvalue()


def damages(name, good):
    """Returns damaged contents of a file, by what was done."""
    found = {
        "empty": b"",
        "first half": good[: len(good) // 2],
        "last byte lost": good[:-1],
        "binary": b"\xff\x00\x1f" * 100,
        "list": b"[]",
        "object": b"{}",
        "deep lists": b"[" * 100_000 + b"]" * 100_000,
        "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "zip of others": foreign_zip(),
    }
    if name.endswith(".json"):
        found |= wrong_entries(json.loads(good))
    if name.endswith(".jsonl"):
        lines = good.splitlines()
        found |= {
            f"line: {what}": line for what, line in wrong_entries(json.loads(lines[0])).items()
        }
        found["first line lost"] = b"\n".join(lines[1:])
        found["last line lost"] = b"\n".join(lines[:-1])
    if good.startswith(b"PK"):
        found["middle overwritten"] = (
            good[: len(good) // 2] + b"\xff" * 8 + good[len(good) // 2 + 8 :]
        )
        found["an entry lost"] = without_an_entry(good)
    return found


def wrong_entries(good, depth=2):
    """Returns JSON texts in which one entry, at some depth, is missing or of another type."""
    found = {}
    for path in paths(good, depth):
        for what, value in (("object", {"a": {}}), ("true", True), ("lost", None)):
            changed = copy.deepcopy(good)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            if what == "lost":
                del inner[path[-1]]
            elif type(inner[path[-1]]) is type(value):
                inner[path[-1]] = 3
            else:
                inner[path[-1]] = value
            found[f"{'.'.join(path)}: {what}"] = json.dumps(changed).encode()
    return found


def paths(value, depth):
    found = []
    for key, inner in value.items():
        found.append((key,))
        if depth > 1 and isinstance(inner, dict):
            found += [(key, *rest) for rest in paths(inner, depth - 1)]
    return found


def without_an_entry(good):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as before, zipfile.ZipFile(file, "w") as after:
        for name in before.namelist()[1:]:
            after.writestr(name, before.read(name))
    return file.getvalue()
