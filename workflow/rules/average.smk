# The members' softmaxes become one; joined on Id, so neither the order of rows nor of members matters.


rule average:
    """Step 5: average the members on test. IN: their tables. OUT: ensemble, submission, metrics."""
    input:
        members=expand("<results>/predictions/test/{member}.csv", member=MEMBERS),
    output:
        ensemble="<results>/ensemble.csv",
        submission="<results>/submission.csv",
        metrics="<results>/metrics.json",
    log:
        "<logs>/average.log",
    benchmark:
        "<benchmarks>/average.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        slice=plan.average_digest(EXPERIMENT),
        method=EXPERIMENT.average.method,
        output=subpath(output.ensemble, parent=True),
    shell:
        """
        exec logged {log:q} gesture average {input.members:q} \
            --method {params.method:q} \
            --output {params.output:q}
        """


use rule average as average_validation with:
    """Step 5: the same on validation, to choose by. IN: their tables. OUT: validation/."""
    input:
        members=expand("<results>/predictions/validation/{member}.csv", member=MEMBERS),
    output:
        ensemble="<results>/validation/ensemble.csv",
        submission="<results>/validation/submission.csv",
        metrics="<results>/validation/metrics.json",
    log:
        "<logs>/average-validation.log",
    benchmark:
        "<benchmarks>/average-validation.tsv"
