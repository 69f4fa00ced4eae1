"""What the user's config file may say of a bucket."""

import os
from pathlib import Path

import bucket_servers
import pytest
from bucket_servers import BUCKET, Server
from fault_proxy import faulty

from modelreg.errors import UsageError
from modelreg.settings import bucket_settings
from modelreg.store import open_store


@pytest.fixture
def config(_apart: None) -> Path:
    path = Path(os.environ["XDG_CONFIG_HOME"], "modelreg", "config.toml")
    path.parent.mkdir(parents=True)
    return path


def test_an_endpoint_and_what_is_written_with_each_object_are_taken_from_it(
    ministack: Server, s3_url: str, config: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    with faulty(ministack.port) as proxy:
        config.write_text(
            f'[registries."{s3_url}"]\nendpoint = "{proxy.endpoint}"\nregion = "us-east-1"\n'
            'path_style = true\nstorage_class = "STANDARD_IA"\n'
        )
        store = open_store(s3_url, bucket_settings)
        store.upload("models/a", model)
        store.create("models/b", b"x")
        assert len(proxy.requests) == 2
    client = bucket_servers.s3_client(ministack)
    prefix = s3_url.removeprefix(f"s3://{BUCKET}/")
    assert client.head_object(Bucket=BUCKET, Key=f"{prefix}/models/a").get("StorageClass") == "STANDARD_IA"
    assert client.head_object(Bucket=BUCKET, Key=f"{prefix}/models/b").get("StorageClass") in (None, "STANDARD")


@pytest.mark.parametrize("name", ["s3://bucket", "s3://bucket/", "s3://bucket/team"])
def test_what_is_said_of_a_bucket_counts_for_what_lies_in_it(config: Path, name: str) -> None:
    config.write_text(f'[registries."{name}"]\nnonsense = 1\n')
    with pytest.raises(UsageError, match="nonsense is no setting of s3://bucket/team/a"):
        open_store("s3://bucket/team/a", bucket_settings)
    assert open_store("s3://bucket2/team/a", bucket_settings).url == "s3://bucket2/team/a"


WRONG = {
    "not text": ('[registries."gs://bucket"]\nendpoint = 3\n', "endpoint of gs://bucket must be text"),
    "another store's": ('[registries."gs://bucket"]\nregion = "x"\n', "region is no setting of gs://bucket"),
    "no table": ('registries = "x"\n', "registries holds tables"),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_setting_that_is_none_is_refused_with_its_name(config: Path, text: str, says: str) -> None:
    config.write_text(text)
    with pytest.raises(UsageError, match=says):
        open_store("gs://bucket", bucket_settings)


def test_a_project_cannot_send_credentials_elsewhere(config: Path) -> None:
    Path("pyproject.toml").write_text('[tool.modelreg.registries."s3://bucket"]\nnonsense = 1\n')
    assert open_store("s3://bucket", bucket_settings).url == "s3://bucket"
