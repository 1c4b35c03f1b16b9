"""An event: what has happened, to what, with what."""

from alisio import flow
from alisio.events import emit_event


@flow
def watch() -> None:
    arrived = emit_event("file.arrived", resource={"alisio.resource.id": "s3://lake/raw.csv"}, payload={"rows": 12})
    emit_event("file.checked", resource=arrived.resource, follows=arrived)


if __name__ == "__main__":
    watch()
