# Softmaxes of every sequence of a split, one table a member.


rule evaluate:
    """Step 4: predict a split with a member. IN: records, last weights. OUT: table of softmaxes."""
    input:
        records=ancient("<records>/manifest.json"),
        weights=lambda wildcards: f"{last_stage(wildcards)}/model.weights.h5",
    output:
        table="<results>/predictions/{split}/{member}.csv",
        manifest="<results>/predictions/{split}/{member}.json",
    log:
        "<logs>/evaluate/{split}/{member}.log",
    benchmark:
        "<benchmarks>/evaluate/{split}/{member}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        settings=SETTINGS,
        mem_mb=16000,
        runtime=60,
    params:
        gpus=asked_gpus,
        slice=digests.evaluate_digest(EXPERIMENT),
        seen=lambda wildcards: SEEN.digest(splits.stored_as(wildcards.split, EXPERIMENT.data)),
        weights=subpath(input.weights, parent=True),
    shell:
        "exec logged {log:q} gesture evaluate --settings {resources.settings:q} --records {input.records:q}"
        " --member {wildcards.member:q} --weights {params.weights:q} --split {wildcards.split}"
        " --output {output.table:q} --threads {threads} --gpus {params.gpus}"
