# What came out, for people: a page to look at and a summary for the terminal.


# In Snakemake's own report each figure stands by itself.
PER_FIGURE = {"patterns": ["{figure}.svg", "{figure}.jpg"], "labels": {"figure": "{figure}"}}


rule report:
    """Step 6: write the page. IN: metrics, histories, index. OUT: report.html, summary.txt."""
    input:
        records="<records>/manifest.json",
        index="<records>/index.csv",
        test="<results>/metrics.json",
        validation="<results>/validation/metrics.json",
        histories=histories,
    output:
        page=report("<results>/report.html", "../report/page.rst", "Result", labels={"what": "the page"}),
        figures=report(directory("<results>/figures"), "../report/figures.rst", "Figures", **PER_FIGURE),
        summary="<results>/summary.txt",
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        settings=SETTINGS,
    params:
        slice=digests.report_digest(EXPERIMENT),
        results=subpath(output.page, parent=True),
        logs=str(LAYOUT.logs),
    shell:
        "exec logged {log:q} gesture report --settings {resources.settings:q} --records {input.records:q}"
        " --results {params.results:q} --logs {params.logs:q} --output {output.page:q}"
