"""The bucket of bundles and results, and the key that secrets are encrypted with."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.constructs.kept import make_private_bucket, removal_policy
from cdk.nag import accept, accept_wildcard
from cdk.stages import Stage

RESULTS = "results/"
ARTIFACT_DATA = "artifact-data/"
PENDING = "pending/"
"""Where bundles lie that were uploaded and not yet announced."""


class Storage(Construct):
    """What is kept outside of the database.

    Attributes:
        bucket: Of bundles, which stay as long as a deployment may name them, and of results, which expire.
        key: Of KMS, for secrets.
    """

    def __init__(self, scope: Construct, id: str, stage: Stage) -> None:
        super().__init__(scope, id)
        removal = removal_policy(stage)
        self.key = kms.Key(
            self,
            "Key",
            alias=f"alias/{stage.prefix}",
            description=f"Secrets of Alisio's stage {stage.name}",
            enable_key_rotation=True,
            removal_policy=removal,
        )
        self.bucket = make_private_bucket(
            self, "Bucket", removal, versioned=stage.keeps_data, lifecycle_rules=_lifecycle(stage)
        )
        accept(
            self.bucket,
            {
                "S1": "Every access goes through a URL that the API signed; where somebody wants a list of them, "
                "CloudTrail's data events are one."
            },
        )

    def grant_use(self, role: iam.IRole) -> None:
        """Let somebody read and write objects, and tell whether one is there."""
        self._grant(role, ("s3:GetObject", "s3:PutObject"))
        role.add_to_principal_policy(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn]))

    def grant_take_back(self, role: iam.IRole) -> None:
        """Let somebody delete the data of an artifact that nobody waits for any more."""
        objects = self.bucket.arn_for_objects(f"{ARTIFACT_DATA}*")
        role.add_to_principal_policy(iam.PolicyStatement(actions=["s3:DeleteObject"], resources=[objects]))
        accept_wildcard(role, objects, "Objects are named when they are made; these are data of artifacts alone.")

    def grant_delete(self, role: iam.IRole) -> None:
        """Let somebody delete objects."""
        self._grant(role, ("s3:DeleteObject",))

    def grant_empty(self, role: iam.IRole) -> None:
        """Let somebody delete all objects in all their versions."""
        self._grant(role, ("s3:DeleteObject", "s3:DeleteObjectVersion"))
        versions = iam.PolicyStatement(actions=["s3:ListBucketVersions"], resources=[self.bucket.bucket_arn])
        role.add_to_principal_policy(versions)

    def grant_encrypt(self, role: iam.IRole) -> None:
        """Let somebody encrypt and decrypt secrets of the database, and nothing else that this key encrypts."""
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:Encrypt"],
                resources=[self.key.key_arn],
                conditions={"StringEquals": {"kms:EncryptionContext:application": "alisio"}},
            )
        )

    def _grant(self, role: iam.IRole, actions: tuple[str, ...]) -> None:
        objects = self.bucket.arn_for_objects("*")
        role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=[objects]))
        accept_wildcard(role, objects, "Objects are named when they are made; the bucket is the stage's own.")


def _lifecycle(stage: Stage) -> list[s3.LifecycleRule]:
    rules = [
        s3.LifecycleRule(id="uploads-that-broke-off", abort_incomplete_multipart_upload_after=Duration.days(1)),
        s3.LifecycleRule(id="bundles-never-announced", prefix=PENDING, expiration=Duration.days(1)),
        s3.LifecycleRule(id="results", prefix=RESULTS, expiration=Duration.days(stage.retention.results)),
    ]
    if stage.keeps_data:
        rules.append(s3.LifecycleRule(id="deleted-objects", noncurrent_version_expiration=Duration.days(30)))
    return rules
