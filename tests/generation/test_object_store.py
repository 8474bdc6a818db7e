"""S3, against moto's server: what an object store needs of the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import s3fs
from helpers.folders import shard_hashes
from moto.server import ThreadedMotoServer

from synthmed.errors import SynthmedError
from synthmed.generation.engine import generate_dataset
from synthmed.generation.storage import Store


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # it keeps an earlier test's server
    boto3.client("s3").create_bucket(Bucket="sets")
    yield "s3://sets/one"
    server.stop()


def test_workers_fill_a_bucket_with_the_bytes_of_a_local_folder(bucket: str, tmp_path: Path) -> None:
    generate_dataset("flaky", tmp_path, 12, shard_size=5, workers=0)
    report = generate_dataset("flaky", bucket, 12, shard_size=5, workers=2)
    assert report.complete
    store = Store(bucket)
    assert store.names() == sorted(path.name for path in tmp_path.iterdir())
    for name in shard_hashes(tmp_path):
        assert store.read(name) == (tmp_path / name).read_bytes()
    assert generate_dataset("flaky", bucket, 12, shard_size=5, workers=2).made == 0


def test_an_upload_that_was_cut_is_made_again(bucket: str) -> None:
    generate_dataset("flaky", bucket, 12, shard_size=5, workers=0)
    store = Store(bucket)
    tar = store.read("synthmed-000001.tar")
    client = boto3.client("s3")
    client.delete_object(Bucket="sets", Key="one/synthmed-000001.stats.json")
    client.put_object(Bucket="sets", Key="one/synthmed-000001.tar", Body=b"half")
    assert generate_dataset("flaky", bucket, 12, shard_size=5, workers=0).made == 1
    assert Store(bucket).read("synthmed-000001.tar") == tar
    assert json.loads(Store(bucket).read("dataset.json") or b"")["n"] == 12


def test_a_store_that_is_gone_is_one_line(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(SynthmedError, match="s3://sets/one") as caught:
        generate_dataset("flaky", bucket, 12, shard_size=5, workers=0)
    assert "\n" not in str(caught.value)
