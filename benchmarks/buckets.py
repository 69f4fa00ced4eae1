"""How quickly files go into a bucket and come back: modelreg beside the clients that people know.

    python benchmarks/buckets.py s3://bucket/folder [--size MiB] [--files N] [--rounds N] [--tools a,b] [--models N]

The bucket and the credentials are found as the SDKs find them (AWS_ENDPOINT_URL_S3, STORAGE_EMULATOR_HOST …). Every
transfer is a process of its own, so that its processor time and its memory can be told; tools take turns. What
modelreg does includes hashing, its records, and on the way down verifying and, but for modelreg-no-cache, keeping a
copy of each file in a cache that is empty before.

--models: instead, how long `modelreg list` takes on so many models of ten versions each, and how many requests it
makes (S3 alone).
"""

import argparse
import os
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from modelreg import layout
from modelreg.canonical import MAX_BYTES
from modelreg.parallel import ahead
from modelreg.records import VersionRecord
from modelreg.store import open_store
from modelreg.store.bucket import LANES

MODELREG_UP = """
import sys
from modelreg import Capture, Environment, Platform, Python, Registry
capture = Capture(Environment(Python("3.11.7", "cpython"), Platform("linux", "x86_64")), "venv", "/somewhere")
Registry.open(sys.argv[2]).register(sys.argv[1], "model", capture=capture)
"""
MODELREG_DOWN = """
import sys
from modelreg import Registry
Registry.open(sys.argv[1], cache=sys.argv[3] == "modelreg").pull("model:1", sys.argv[2])
"""
MODELREG_LIST = """
import sys
from modelreg import Registry
from modelreg.store.s3_client import connect
from modelreg.store import s3_client
asked = []
def counting(settings):
    client = connect(settings)
    client.meta.events.register("before-send.s3", lambda **_: asked.append(1) and None)
    return client
s3_client.connect = counting
models = Registry.open(sys.argv[1]).models()
print(f"{len(models):,} models of {models[0].versions} versions: {len(asked):,} requests", flush=True)
"""
BOTO3 = """
import os, sys, boto3
from concurrent.futures import ThreadPoolExecutor
way, folder, url = sys.argv[1:]
bucket, _, prefix = url.removeprefix("s3://").partition("/")
s3 = boto3.client("s3")
with ThreadPoolExecutor(10) as pool:
    if way == "up":
        names = os.listdir(folder)
        jobs = [pool.submit(s3.upload_file, f"{folder}/{name}", bucket, f"{prefix}/{name}") for name in names]
    else:
        os.mkdir(folder)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        keys = [item["Key"] for page in pages for item in page["Contents"]]
        jobs = [pool.submit(s3.download_file, bucket, key, f"{folder}/{key.rpartition('/')[2]}") for key in keys]
    for job in jobs:
        job.result()
"""
GCS = """
import os, sys
from google.cloud import storage
from google.cloud.storage import transfer_manager
way, folder, url = sys.argv[1:]
name, _, prefix = url.removeprefix("gs://").partition("/")
bucket = storage.Client().bucket(name)
options = {"worker_type": transfer_manager.THREAD, "max_workers": 10}
if way == "up":
    done = transfer_manager.upload_many_from_filenames(
        bucket, os.listdir(folder), source_directory=folder, blob_name_prefix=f"{prefix}/", **options)
else:
    os.mkdir(folder)
    blobs = list(bucket.list_blobs(prefix=f"{prefix}/"))
    if len(blobs) == 1:
        done = [transfer_manager.download_chunks_concurrently(blobs[0], f"{folder}/one", **options)]
    else:
        done = transfer_manager.download_many(
            [(blob, f"{folder}/{blob.name.rpartition('/')[2]}") for blob in blobs], **options)
for one in done:
    if isinstance(one, Exception):
        raise one
"""


def commands(tool: str, way: str, folder: Path, url: str) -> list[str]:
    """Return what a tool is called with. way: `up` or `down`."""
    python = sys.executable
    there = f"{url}/{tool}"
    if tool.startswith("modelreg"):
        up = [python, "-c", MODELREG_UP, str(folder), there]
        return up if way == "up" else [python, "-c", MODELREG_DOWN, there, str(folder), tool]
    if tool in ("boto3", "transfer_manager"):
        return [python, "-c", BOTO3 if tool == "boto3" else GCS, way, str(folder), there]
    if tool == "aws":
        ends = [str(folder), there] if way == "up" else [there, str(folder)]
        return ["aws", "s3", "cp", "--recursive", "--only-show-errors", *ends]
    ends = [f"{folder}/*", f"{there}/"] if way == "up" else [f"{there}/*", f"{folder}/"]
    return ["s5cmd", "--log", "error", "cp", *ends]


def timed(command: list[str]) -> tuple[float, float, float]:
    """Run a command; return the seconds it took, those of the processor, and the MiB of memory."""
    start = time.perf_counter()
    child = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, used = os.wait4(child, 0)
    if status:
        sys.exit(f"{command} failed")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def fill(url: str, models: int) -> None:
    """Write the records of models of ten versions, without files."""
    store = open_store(url)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "model.bin").write_bytes(b"model")
        timed([sys.executable, "-c", MODELREG_UP, folder, url])
    record = VersionRecord.from_bytes(store.read(layout.version("model", 1), MAX_BYTES), "model", 1)

    def write(job: tuple[str, int]) -> None:
        model, number = job
        copy = record._replace(model=model, version=number, op=secrets.token_hex(16))
        store.create(layout.version(model, number), copy.to_bytes())

    jobs = ((f"model-{model}", number) for model in range(models) for number in range(1, 11))
    for _ in ahead(write, jobs, LANES):
        """They are written side by side."""
    store.delete(layout.version("model", 1))


def measure_list(url: str, models: int, rounds: int) -> None:
    """Measure how long it takes to list all models."""
    fill(url, models)
    times = [timed([sys.executable, "-c", MODELREG_LIST, url]) for _ in range(rounds)]
    wall, processor, memory = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"list   {wall:6.2f} s  cpu {processor:6.2f} s  {memory:5.0f} MiB", flush=True)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large file")
    parser.add_argument("--files", type=int, default=1000, help="how many files of 100 KiB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tools")
    parser.add_argument("--models", type=int, default=0, help="list so many models instead")
    options = parser.parse_args()
    if options.models:
        measure_list(f"{options.url}/{secrets.token_hex(4)}", options.models, options.rounds)
        return
    default = (
        "modelreg,modelreg-no-cache,aws,boto3,s5cmd"
        if options.url.startswith("s3")
        else "modelreg,modelreg-no-cache,transfer_manager"
    )
    tools = (options.tools or default).split(",")
    os.environ.setdefault("S3_ENDPOINT_URL", os.environ.get("AWS_ENDPOINT_URL_S3", ""))  # s5cmd's name for it
    with tempfile.TemporaryDirectory() as work:
        os.environ["MODELREG_CACHE"] = str(Path(work, "cache"))
        large, many = Path(work, "large"), Path(work, "many")
        large.mkdir()
        many.mkdir()
        with Path(large, "file.bin").open("wb") as file:
            file.writelines(os.urandom(1 << 20) for _ in range(options.size))
        for number in range(options.files):
            Path(many, f"{number:05d}.bin").write_bytes(os.urandom(100 * 1024))
        for what, folder, size in (("large", large, options.size), ("many", many, options.files * 100 / 1024)):
            if not size:
                continue
            seen: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
            for _ in range(options.rounds):
                for tool in tools:
                    url, target = f"{options.url}/{secrets.token_hex(4)}", Path(work, "out")
                    for way, place in (("up", folder), ("down", target)):
                        seen.setdefault((tool, way), []).append(timed(commands(tool, way, place, url)))
                    shutil.rmtree(target)
                    shutil.rmtree(Path(work, "cache"), ignore_errors=True)
            for (tool, way), times in seen.items():
                wall, processor, memory = (statistics.median(column) for column in zip(*times, strict=True))
                best = min(time[0] for time in times)
                print(
                    f"{what:6} {tool:17} {way:5} {size / wall:6.0f} MiB/s (best {size / best:6.0f})"
                    f"  {wall:6.2f} s  cpu {processor:6.2f} s  {memory:5.0f} MiB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
