"""The ports on AWS. boto3 is imported only when one of them is opened."""
