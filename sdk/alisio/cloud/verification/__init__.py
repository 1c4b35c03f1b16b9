"""`alisio cloud verify`: the tests that only a real account can pass, each of the real thing.

What an emulator answers to them says nothing about AWS: it signs no certificate, enforces no IAM, restores no snapshot.
"""

from alisio.cloud.verification.runner import verify_stage as verify_stage
from alisio.cloud.verification.subject import Finding as Finding
