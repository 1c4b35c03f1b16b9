"""What `alisio cloud status` and `alisio cloud verify` show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from alisio.cli.options import Output
from alisio.cli.rendering import local_time, show_json, show_table

if TYPE_CHECKING:
    from alisio.cloud.aws import Aws
    from alisio.cloud.costs import CostLine, Template
    from alisio.cloud.stacks import DeployedStack
    from alisio.cloud.verification import Finding


def show_status(aws: Aws, stage: str, output: Output) -> None:
    """Show the stacks of a stage, what is in them, and what that costs.

    Raises:
        CloudError: AWS cannot be asked, or the stage is not deployed.
    """
    from alisio.cloud.costs import costs_of_thousand_runs, idle_costs
    from alisio.cloud.stacks import find_stacks, not_deployed, read_template

    stacks = find_stacks(aws, stage)
    if not stacks:
        raise not_deployed(aws, stage)
    templates = [read_template(aws, stack) for stack in stacks]
    idle, runs = idle_costs(templates), costs_of_thousand_runs(templates)
    if output is Output.JSON:
        show_json(_as_json(stacks, templates, idle, runs))
        return
    rows = [
        (stack.name, stack.status, local_time(stack.updated), len(template["Resources"]), _most(template))
        for stack, template in zip(stacks, templates, strict=True)
    ]
    show_table(("name", "status", "updated", "resources", "most of them"), rows)
    _show_costs("idle, a month", idle)
    _show_costs("1,000 runs of a minute", runs)
    _say_what_prices()


def show_findings(findings: Sequence[Finding], output: Output) -> bool:
    """Show what was verified.

    Returns:
        Whether nothing failed.
    """
    if output is Output.JSON:
        show_json([asdict(finding) for finding in findings])
    else:
        show_table(("check", "outcome", "found"), [(item.check, item.outcome, item.found) for item in findings])
    return all(finding.outcome != "failed" for finding in findings)


def _show_costs(title: str, lines: Sequence[CostLine]) -> None:
    rows: list[tuple[object, ...]] = [(line.what, f"{line.count:,}", f"{line.dollars:,.2f}") for line in lines]
    rows.append(("together", "", f"{sum(line.dollars for line in lines):,.2f}"))
    typer.echo()
    show_table((title, "count", "US dollars"), rows)


def _say_what_prices() -> None:
    from alisio.cloud.prices import AS_OF, REGION

    typer.echo(
        f"\nEstimates, from the list prices of {REGION} as of {AS_OF}, without free tiers and transfer; "
        "what is owed stands in AWS Cost Explorer.",
        err=True,
    )


def _most(template: Template) -> str:
    """Name the three kinds of resources that a template has most of."""
    kinds = Counter(resource["Type"].removeprefix("AWS::") for resource in template["Resources"].values())
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3))


def _as_json(
    stacks: Sequence[DeployedStack], templates: Sequence[Template], idle: Sequence[CostLine], runs: Sequence[CostLine]
) -> dict[str, Any]:
    from alisio.cloud.prices import AS_OF, REGION

    return {
        "stacks": [
            {
                "name": stack.name,
                "status": stack.status,
                "updated": stack.updated.isoformat(),
                "resources": dict(Counter(resource["Type"] for resource in template["Resources"].values())),
            }
            for stack, template in zip(stacks, templates, strict=True)
        ],
        "prices": {"region": REGION, "as_of": AS_OF, "currency": "USD"},
        "idle_month": [asdict(line) for line in idle],
        "thousand_runs": [asdict(line) for line in runs],
    }
