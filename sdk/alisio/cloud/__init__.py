"""What the `alisio cloud` commands do: deploy Alisio to AWS with its CDK app, look at it, log in to it, verify it.

`local/` is the same on this machine, with ministack in the place of AWS. Nothing here runs in the cloud itself: that
lies in `functions/`, and what is deployed is written down in `cdk/`.
"""
