# From raw gesture videos to one prediction file:
#
#   download -> convert -> train stage 1 -> 2 -> 3 -> 4 -> evaluate -> average -> report
#
# snakemake --cores 2                                             the demo, config/demo.yaml
# snakemake --profile lsf --configfile config/smnet.yaml -n       what would be submitted
#
# All output goes to the working directory (--directory), see README.md. Each rule calls one `gesture` command.
from snakemake.utils import min_version

min_version("9.27")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


rule all:
    """All steps. IN: the configuration. OUT: results/<experiment>: submission.csv, report.html, metrics."""
    default_target: True
    input:
        submission="<results>/submission.csv",
        validation="<results>/validation/metrics.json",
        page="<results>/report.html",


for step in STEPS:

    include: f"workflow/rules/{step}.smk"


onstart:
    before_jobs()


onsuccess:
    after_jobs()
