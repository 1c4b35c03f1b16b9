"""A stage as the commands see it in an account, on AWS as ministack imitates it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from alisio.cli.main import main
from alisio.cloud.aws import Aws
from alisio.cloud.errors import CloudError
from alisio.cloud.login import api_url
from alisio.cloud.stacks import find_stacks, is_bootstrapped, read_outputs
from alisio.settings import current_settings
from tests.ministack import REGION, Ministack
from tests.waiting import wait_until

KEY = "alisio_01a20f5769267a42b0519a6908c7e358_secret"


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    """A ministack for all tests of this module."""
    if not Ministack.is_installed():
        pytest.skip("ministack is not installed: make unit")
    cloud = Ministack(tmp_path_factory.mktemp("ministack"))
    cloud.start()
    yield cloud
    cloud.stop()


@pytest.fixture
def account(ministack: Ministack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty account, and a home with no settings in it."""
    httpx.post(f"{ministack.url}/_ministack/reset", timeout=30).raise_for_status()
    for name in ("AWS_REGION", "AWS_PROFILE", "ALISIO_API_URL", "ALISIO_API_KEY", "ALISIO_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ministack.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path / "home"))


def _make_stack(name: str, outputs: dict[str, Any], resources: dict[str, Any] | None = None) -> None:
    given = {key: {"Value": value} for key, value in outputs.items()}
    body = {"Resources": resources or {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": given}
    client = boto3.client("cloudformation")
    client.create_stack(StackName=name, TemplateBody=json.dumps(body))
    wait_until(lambda: _status(client, name) == "CREATE_COMPLETE", what=f"{name} to be there")


def _status(client: Any, name: str) -> str:
    [stack] = client.describe_stacks(StackName=name)["Stacks"]
    return str(stack["StackStatus"])


def _make_core(stage: str) -> None:
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": f"alisio-{stage}/key", "SecretString": KEY}}
    outputs = {"ApiUrl": f"https://{stage}.example/api", "ApiId": "a1", "AdminKeySecretArn": {"Ref": "Key"}}
    _make_stack(f"alisio-{stage}-core", outputs, {"Key": secret})


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(account: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs `alisio cloud` with arguments, in that account."""

    def run_to_its_end(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(["cloud", *arguments])
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run_to_its_end


@pytest.mark.usefixtures("account")
def test_a_stage_is_its_own_stacks() -> None:
    """Another stage's stacks, one whose name begins alike, and strangers are not among them."""
    for name in ("alisio-dev-core", "alisio-dev-network", "alisio-prod-core", "alisio-dev2-core", "other"):
        _make_stack(name, {"Where": name})

    stacks = find_stacks(Aws(), "dev")

    assert [(name, "CREATE_COMPLETE") for name in ("alisio-dev-core", "alisio-dev-network")] == [
        (stack.name, stack.status) for stack in stacks
    ]


def test_login_keeps_address_and_key_in_a_private_profile(run: Callable[..., Done], ministack: Ministack) -> None:
    """The key is read with the caller's rights, written with mode 600, and shown nowhere."""
    _make_core("dev")

    done = run("login", "--stage", "dev")

    assert 0 == done.code, done.err
    assert KEY not in done.out + done.err
    settings = current_settings()
    assert (f"{ministack.url}/_aws/execute-api/a1/$default/api", KEY) == (settings.api_url, settings.api_key)
    assert 0o600 == stat.S_IMODE((settings.home / "profiles.toml").stat().st_mode)


@pytest.mark.usefixtures("account")
def test_on_aws_itself_the_address_is_the_one_that_the_stack_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an emulator, which is where AWS is not, has the API under its own address."""
    _make_core("dev")
    aws = Aws()
    outputs = read_outputs(aws, "dev")

    monkeypatch.delenv("AWS_ENDPOINT_URL")

    assert "https://dev.example/api" == api_url(aws, outputs)


@pytest.mark.parametrize("command", ["status", "outputs", "login", "verify"])
def test_a_stage_that_is_not_deployed_is_one_line(run: Callable[..., Done], command: str) -> None:
    """It names the account and the command that deploys it."""
    done = run(command, "--stage", "dev")

    assert 1 == done.code
    [line] = done.err.strip().splitlines()
    assert f"stage dev is not deployed in account 000000000000, region {REGION}" in line


def test_a_core_that_tells_no_key_is_one_line(run: Callable[..., Done]) -> None:
    """A stack that broke off half-way, or is none of ours, is named with what it lacks."""
    _make_stack("alisio-dev-core", {"ApiUrl": "https://dev.example/api"})

    done = run("login", "--stage", "dev")

    assert "do not tell ApiId and AdminKeySecretArn" in done.err


def test_status_counts_what_the_templates_hold(run: Callable[..., Done]) -> None:
    """Stacks with their resources, and the cost of a secret."""
    _make_core("dev")

    shown = json.loads(run("status", "--stage", "dev", "--output", "json").out)

    [stack] = shown["stacks"]
    assert ("alisio-dev-core", {"AWS::SecretsManager::Secret": 1}) == (stack["name"], stack["resources"])
    assert [{"what": "secrets", "count": 1, "dollars": 0.4}] == shown["idle_month"]
    assert "US dollars" in run("status", "--stage", "dev").out


@pytest.mark.usefixtures("account")
def test_an_account_is_prepared_once_the_cdk_has_its_stack() -> None:
    """Without it `deploy` asks for --bootstrap."""
    assert not is_bootstrapped(Aws())

    _make_stack("CDKToolkit", {})

    assert is_bootstrapped(Aws())


def test_without_credentials_the_line_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is asked of AWS before."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-south-2")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(CloudError, match="there are no AWS credentials") as caught:
        _ = Aws().account

    assert "aws_credentials_missing" == caught.value.code


def test_without_a_region_the_line_says_where_to_name_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No region is guessed: stacks would land where nobody looks for them."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(CloudError, match="set AWS_REGION") as caught:
        Aws()

    assert "aws_region_missing" == caught.value.code


def test_an_endpoint_that_is_no_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What boto3 cannot read is one line, which says where it stands."""
    monkeypatch.setenv("AWS_REGION", "eu-south-2")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")

    with pytest.raises(CloudError, match="nonsense; see AWS_ENDPOINT_URL") as caught:
        _ = Aws().account

    assert "aws_not_usable" == caught.value.code


def test_an_endpoint_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator that is not running looks like no network; the line says which address was tried."""
    monkeypatch.setenv("AWS_REGION", "eu-south-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    with pytest.raises(CloudError, match=r"127\.0\.0\.1:9") as caught:
        _ = Aws().account

    assert "aws_unreachable" == caught.value.code
