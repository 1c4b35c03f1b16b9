"""Four years of Seattle's weather, read, checked, summed up month by month, and published as a report.

Run it by hand with `python flow.py`, or deploy it with `alisio deploy` (see README.md).
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from statistics import mean

from alisio import flow, get_run_logger, task

SOURCE = Path(__file__).with_name("seattle-weather.csv")


@dataclass(frozen=True)
class Day:
    """What the weather station wrote down on one day: millimetres, degrees Celsius, and a kind of weather."""

    date: date
    rain: float
    warmest: float
    coldest: float
    weather: str


@dataclass(frozen=True)
class Summary:
    """One month in figures."""

    month: str
    rain: float
    average_high: float
    warmest: float
    coldest: float
    days: Counter[str]


class Archive:
    """Stands for a service out of our hands: asked the first time it is busy, asked again it takes the report."""

    def __init__(self) -> None:
        self.requests = 0

    def deposit(self, text: str, path: Path) -> None:
        self.requests += 1
        if self.requests == 1:
            raise ConnectionError("the archive is busy, try again")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@task(tags=["weather"])
def extract(source: Path) -> list[dict[str, str]]:
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    print(f"read {len(rows)} rows from {source.name}")
    return rows


@task(tags=["weather"])
def validate(rows: list[dict[str, str]]) -> list[Day]:
    """Keep the rows that can be true; name and count the others."""
    logger = get_run_logger()
    days = []
    for number, row in enumerate(rows, start=2):
        try:
            days.append(parse(row))
        except (KeyError, ValueError) as error:
            logger.warning("line %d left out: %s", number, error)
    logger.info("checked %d rows: %d good, %d left out", len(rows), len(days), len(rows) - len(days))
    return days


def parse(row: dict[str, str]) -> Day:
    day = Day(
        date=datetime.strptime(row["date"], "%Y/%m/%d").date(),
        rain=float(row["precipitation"]),
        warmest=float(row["temp_max"]),
        coldest=float(row["temp_min"]),
        weather=row["weather"],
    )
    if day.rain < 0:
        raise ValueError(f"{day.rain} mm of rain")
    if day.coldest > day.warmest:
        raise ValueError(f"its lowest temperature, {day.coldest}, is above its highest, {day.warmest}")
    return day


def by_month(days: list[Day], year: int | None) -> dict[str, list[Day]]:
    months: dict[str, list[Day]] = {}
    for day in days:
        if year in (None, day.date.year):
            months.setdefault(f"{day.date:%Y-%m}", []).append(day)
    return months


@task(task_run_name="summarise-{month}", tags=["weather", "monthly"])
def summarise(month: str, days: list[Day]) -> Summary:
    return Summary(
        month=month,
        rain=sum(day.rain for day in days),
        average_high=mean(day.warmest for day in days),
        warmest=max(day.warmest for day in days),
        coldest=min(day.coldest for day in days),
        days=Counter(day.weather for day in days),
    )


@task(tags=["weather"])
def write_report(summaries: list[Summary]) -> str:
    kinds = sorted(set().union(*(summary.days for summary in summaries)))
    header = ["month", "rain (mm)", "average high (°C)", "warmest (°C)", "coldest (°C)", *kinds]
    lines = ["# Seattle's weather", "", " | ".join(header), " | ".join("---" for _ in header)]
    for month in summaries:
        figures = [month.rain, month.average_high, month.warmest, month.coldest]
        cells = [month.month, *(f"{figure:.1f}" for figure in figures), *(str(month.days[kind]) for kind in kinds)]
        lines.append(" | ".join(cells))
    wettest = max(summaries, key=lambda summary: summary.rain)
    lines += ["", f"The wettest month was {wettest.month}, with {wettest.rain:.0f} mm of rain.", ""]
    return "\n".join(lines)


@task(retries=2, retry_delay_seconds=0.2, tags=["weather", "publish"])
def publish(text: str, path: Path, archive: Archive) -> Path:
    archive.deposit(text, path)
    print(f"published {path}")
    return path


@flow(name="seattle-weather", log_prints=True)
def weather(report: Path = Path("seattle-weather.md"), year: int | None = None) -> Path:
    """Sum up Seattle's weather month by month.

    Args:
        report: Where to write the report (Markdown).
        year: Only this year, 2012 to 2015; all four where it is not given.
    """
    months = by_month(validate(extract(SOURCE)), year)
    if not months:
        raise ValueError(f"{SOURCE.name} has no weather of {year}")
    summaries = summarise.map(list(months), list(months.values()))
    return publish(write_report(summaries), report.expanduser(), Archive())


if __name__ == "__main__":
    weather()
