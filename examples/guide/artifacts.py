"""Artifacts: a report in Markdown, a table, and how far the work is."""

from alisio import flow, task
from alisio.artifacts import (
    Artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)


@task
def measure(town: str) -> dict[str, object]:
    return {"town": town, "degrees": 17.5}


@flow(log_prints=True)
def weather() -> None:
    progress = create_progress_artifact(0, description="Towns that were measured")
    rows = []
    for number, town in enumerate(("Lugo", "Vigo"), start=1):
        rows.append(measure(town))
        update_progress_artifact(progress, 50 * number)
    create_table_artifact(rows, key="temperatures")
    create_markdown_artifact(f"# Weather\n\n{len(rows)} towns were measured.", key="weather-report")
    print(Artifact.get("weather-report").data)


if __name__ == "__main__":
    weather()
