"""The steps of the pipeline in run order: what the workflow includes, the help lists first, and tables are sorted by.

One more step costs one line here, one room `gesture/<name>` whose door `commands.py` has `add_<name>`, and one file of
rules, `workflow/rules/<name>.smk`.
"""

from typing import NamedTuple


class Step(NamedTuple):
    """One step: one `gesture` command, one room, one file of rules.

    Attributes:
        name: of all three, and of the main rule.
        recipe: stands for code that Snakemake cannot see: raised when the output of the step changes, so that it and
            everything below it runs again.
        benchmarks: how Snakemake's benchmark files of its rules are named.
    """

    name: str
    recipe: int
    benchmarks: tuple[str, ...]


STEPS = {
    one.name: one
    for one in (
        Step("download", 1, ("download",)),
        Step("convert", 1, ("convert",)),
        Step("train", 2, ("train",)),
        Step("evaluate", 1, ("evaluate",)),
        Step("average", 3, ("average", "average-validation")),
        Step("report", 3, ("report",)),
    )
}


def recipe(name: str) -> int:
    """The recipe number of a step."""
    return STEPS[name].recipe
