"""Assets: two files, of which one is made from the other, and from what another team provides."""

from pathlib import Path

from alisio import flow
from alisio.assets import Asset, AssetProperties, materialize

raw = Asset(key="file://weather/raw.csv", properties=AssetProperties(name="Raw weather", owners=["me"]))


@materialize(raw)
def extract() -> str:
    text = "town,degrees\nLugo,17.5\nVigo,\n"
    Path("raw.csv").write_text(text)
    return text


@materialize("file://weather/clean.csv", asset_deps=["sftp://provider/stations.csv"])
def clean(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.endswith(",")]
    Path("clean.csv").write_text("\n".join(lines))
    Asset("file://weather/clean.csv").add_metadata({"rows": len(lines) - 1})
    return lines


@flow
def etl() -> None:
    clean(extract())


if __name__ == "__main__":
    etl()
