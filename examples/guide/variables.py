"""A variable: set once, read by every run, changed without a deployment."""

from alisio import flow
from alisio.variables import Variable


@flow(log_prints=True)
def launch(mission: str = "Mars") -> None:
    crew = Variable.get("crew_members", default=["nobody"])
    print(f"{mission}: {', '.join(crew)}")


if __name__ == "__main__":
    launch()
    Variable.set("crew_members", ["Zaphod", "Trillian"], tags=["crew"], overwrite=True)
    launch()
