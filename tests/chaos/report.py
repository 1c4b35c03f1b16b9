"""What a storm found, as one table on the screen and a list of breaches."""

from __future__ import annotations

from collections import Counter
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.chaos.checks import Finding, Reckoning
from tests.chaos.deaths import CHILD_SECONDS, Coroner

_SHOWN = 20


def judge_deaths(coroner: Coroner, alarms: list[float], reckoning: Reckoning) -> list[Finding]:
    """Check how long each death took to be known, against what it may take with the troubles that excuse it."""
    promises = {
        "child": f"a flow's death known in {CHILD_SECONDS:g} s",
        "executor": f"a supervisor's in {coroner.executor_seconds:g} s",
    }
    findings = []
    for kind, promise in promises.items():
        deaths = [death for death in coroner.deaths if death.kind == kind]
        said = ""
        if deaths:
            times = [death.seconds for death in deaths]
            allowed = [coroner.allowance(death, alarms) for death in deaths]
            said = (
                f": median {median(times):.1f} s of {median(allowed):.1f}, most {max(times):.1f} of {max(allowed):.1f}"
            )
        breaches = [
            f"round {death.round}, {death.cause}: {death.run}, attempt {death.attempt}: "
            f"{death.seconds:.1f} s of {coroner.allowance(death, alarms):.1f}: {reckoning.history(death.run)}"
            for death in deaths
            if death.seconds > coroner.allowance(death, alarms)
        ]
        findings.append(Finding(promise + said, len(deaths), breaches))
    return findings


def show(title: str, begun: Counter[str], runs: dict[str, int], findings: list[Finding]) -> int:
    """Print the table, and each breach below it.

    Args:
        title: Which storm it was.
        begun: How often each fault was begun.
        runs: How many runs ended in each state.
        findings: What was checked.

    Returns:
        How many breaches there are.
    """
    table = Table("", "times", "breaches", title=title)
    for name, times in begun.most_common():
        table.add_row(name, str(times), "")
    table.add_section()
    for state, number in sorted(runs.items()):
        table.add_row(f"runs {state}", str(number), "")
    table.add_section()
    for finding in findings:
        table.add_row(finding.promise, str(finding.checked), str(len(finding.breaches)))
    console = Console(width=120)
    console.print(table)
    for finding in findings:
        for breach in finding.breaches[:_SHOWN]:
            console.print(f"BREACH of {finding.promise!r}: {breach}", markup=False, highlight=False)
    return sum(len(finding.breaches) for finding in findings)
