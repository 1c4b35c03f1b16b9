"""List prices of AWS in US dollars, from which `alisio cloud status` estimates what a stage costs.

They are those of us-east-1 without free tiers, discounts, taxes and transfer, written down by hand from the public page
of each service ("Amazon RDS for PostgreSQL Pricing" and so on, at aws.amazon.com). AWS changes them and other regions
differ by a fifth, so what comes of them is an estimate: what is owed stands in AWS Cost Explorer.
"""

from __future__ import annotations

AS_OF = "2025-06"
"""The month in which they held."""
REGION = "us-east-1"

HOURS = 730
"""In a month, as AWS reckons."""
SECONDS = HOURS * 3600
MINUTES = HOURS * 60

RDS_INSTANCE_HOUR = {
    "db.t4g.micro": 0.016,
    "db.t4g.small": 0.032,
    "db.t4g.medium": 0.065,
    "db.t4g.large": 0.129,
    "db.m7g.large": 0.168,
    "db.m7g.xlarge": 0.337,
    "db.m7g.2xlarge": 0.674,
    "db.r7g.large": 0.239,
    "db.r7g.xlarge": 0.478,
    "db.r7g.2xlarge": 0.956,
}
"""PostgreSQL in one zone; a standby in another zone doubles it. Page: Amazon RDS for PostgreSQL Pricing."""
RDS_GIB_MONTH = 0.115
"""gp3, in one zone. Page: Amazon RDS for PostgreSQL Pricing."""
RDS_PROXY_CPU_HOUR = 0.015
"""Two processors at least. Page: Amazon RDS Proxy Pricing."""
NAT_GATEWAY_HOUR = 0.045
"""Page: Amazon VPC Pricing."""
PUBLIC_ADDRESS_HOUR = 0.005
"""Page: Amazon VPC Pricing."""
ENDPOINT_HOUR = 0.01
"""An interface endpoint in one zone. Page: AWS PrivateLink Pricing."""
SECRET_MONTH = 0.40
"""Page: AWS Secrets Manager Pricing."""
KEY_MONTH = 1.00
"""Page: AWS Key Management Service Pricing."""
ALARM_MONTH = 0.10
"""Page: Amazon CloudWatch Pricing."""
METRIC_MONTH = 0.30
"""Page: Amazon CloudWatch Pricing."""
LOG_GB = 0.50
"""As it is written. Page: Amazon CloudWatch Pricing."""
LAMBDA_CALL = 0.20e-6
"""Page: AWS Lambda Pricing."""
LAMBDA_GB_SECOND = 13.3334e-6
"""On ARM. Page: AWS Lambda Pricing."""
SNAPSHOT_GB_SECOND = 1.5046e-6
"""Keeping a snapshot of SnapStart for Python. Page: AWS Lambda Pricing."""
SCHEDULER_CALL = 1.00e-6
"""Page: Amazon EventBridge Pricing."""
HTTP_API_CALL = 1.00e-6
"""Page: Amazon API Gateway Pricing."""
SQS_CALL = 0.40e-6
"""Page: Amazon SQS Pricing."""
TRACE = 5.00e-6
"""Page: AWS X-Ray Pricing."""
FARGATE_CPU_HOUR = 0.03238
"""On ARM. Page: AWS Fargate Pricing."""
FARGATE_GB_HOUR = 0.00356
"""On ARM. Page: AWS Fargate Pricing."""
