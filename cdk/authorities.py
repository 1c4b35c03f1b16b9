"""Whether functions could trust a region's databases: the certificate authorities that are shipped with them."""

from __future__ import annotations

import re
from base64 import b64decode

from cdk.assets import ROOT

FILE = "functions/alisio_server/adapters/aws/rds-ca.pem"


def check_region(region: str) -> None:
    """See that functions know the authorities of Amazon RDS in a region: without them no connection is made.

    Args:
        region: Such as `eu-central-1`.

    Raises:
        ValueError: They do not.
    """
    if region not in _regions():
        raise ValueError(
            f"{FILE} has no authority of Amazon RDS for the region {region}, so functions could not trust its "
            "database: append that region's certificates to the file (docs/aws.md, security), or deploy elsewhere"
        )


def _regions() -> set[str]:
    """Find which regions the authorities name, as `Amazon RDS eu-central-1 Root CA RSA2048 G1` does.

    The name stands in plain letters in a certificate, so none has to be parsed: some of them bend the rules.
    """
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----(.+?)-----END", (ROOT / FILE).read_text("ascii"), re.DOTALL)
    names = [re.findall(rb"Amazon RDS (\S+) Root CA", b64decode(block)) for block in blocks]
    return {region.decode("ascii") for found in names for region in found}
