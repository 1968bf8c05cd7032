# The members' softmaxes become one; joined on Id, so neither the order of rows nor of members matters.

# What weights and temperatures may be fitted on, and other methods are compared on; not what members were trained on.
TEST = expand("<results>/predictions/test/{member}.csv", member=MEMBERS)
VALIDATION = expand("<results>/predictions/validation/{member}.csv", member=MEMBERS)
FIT_ON = [] if EXPERIMENT.data.train_on_validation else VALIDATION


rule average:
    """Step 5: average the members on test. IN: their tables. OUT: ensemble, submission, metrics."""
    input:
        records="<records>/manifest.json",
        members=TEST,
        fit_on=FIT_ON,
        manifests=manifests_of([*TEST, *FIT_ON]),
    output:
        ensemble="<results>/ensemble.csv",
        submission=report("<results>/submission.csv", "../report/submission.rst", "Result", labels={"split": "test"}),
        manifest="<results>/submission.json",
        metrics=report("<results>/metrics.json", "../report/metrics.rst", "Result", labels={"split": "test"}),
    log:
        "<logs>/average.log",
    benchmark:
        "<benchmarks>/average.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        settings=SETTINGS,
    params:
        slice=digests.average_digest(EXPERIMENT),
        fit_on=lambda wildcards, input: ["--fit-on", *input.fit_on] if FIT_ON else [],
        output=subpath(output.ensemble, parent=True),
    shell:
        "exec logged {log:q} gesture average {input.members:q} {params.fit_on:q}"
        " --settings {resources.settings:q} --records {input.records:q} --output {params.output:q}"


use rule average as average_validation with:
    """Step 5: the same on validation, to choose by. IN: their tables. OUT: validation/."""
    input:
        records="<records>/manifest.json",
        members=VALIDATION,
        fit_on=FIT_ON,
        manifests=manifests_of(VALIDATION),
    output:
        ensemble="<results>/validation/ensemble.csv",
        submission="<results>/validation/submission.csv",
        manifest="<results>/validation/submission.json",
        metrics=report(
            "<results>/validation/metrics.json", "../report/metrics.rst", "Result", labels={"split": "validation"}
        ),
    log:
        "<logs>/average-validation.log",
    benchmark:
        "<benchmarks>/average-validation.tsv"
