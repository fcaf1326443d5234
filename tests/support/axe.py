"""What axe-core finds wrong with a page for those who do not see it, or not well."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from tests.support.node import install_packages

TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

RUN: Final = """async ([scope, tags]) => {
    const {violations} = await axe.run({include: [[scope]]}, {
        runOnly: {type: "tag", values: tags}, resultTypes: ["violations"],
        preload: false,  // it would put imported styles inline, which the policy forbids
    });
    return violations.flatMap(({id, nodes}) => nodes.map(
        ({html, failureSummary}) => `${id}: ${html}\\n${failureSummary}`));
}"""


@cache
def source() -> str:
    """Return the program that judges pages; the test is skipped, or fails, without npm."""
    return (install_packages() / "node_modules" / "axe-core" / "axe.min.js").read_text()


async def violations(page: Any, scope: str) -> list[str]:
    """Return what is wrong with a part of the page, which has to be there."""
    # By the debugger, whom no policy of the page forbids anything.
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Runtime.evaluate", {"expression": source()})
    await devtools.detach()
    found: list[str] = await page.evaluate(RUN, [scope, TAGS])
    return found
