# One batch job a stage. The live checkpoints are not declared: a failed attempt loses what it declares, so a stage
# declares only what it writes at its end, and the next attempt goes on from the newest checkpoint.


rule train:
    """Step 3: train a stage of a member. IN: records, stage before. OUT: weights, optimiser, history."""
    input:
        records=ancient("<records>/manifest.json"),
        previous=previous_stage,
    output:
        weights="<results>/train/{member}/stage{stage}/model.weights.h5",
        optimiser="<results>/train/{member}/stage{stage}/optimiser.h5",
        history="<results>/train/{member}/stage{stage}/history.jsonl",
        manifest="<results>/train/{member}/stage{stage}/manifest.json",
    log:
        "<logs>/train/{member}/stage{stage}.log",
    benchmark:
        "<benchmarks>/train/{member}/stage{stage}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        settings=SETTINGS,
        outcome=outcome_file,
        mem_mb=40000,
        runtime=240,
        save_every=10,
    params:
        gpus=asked_gpus,
        slice=stage_slice,
        seen=SEEN.digest(*splits.trained_on(EXPERIMENT.data)),
        checkpoints=CHECKPOINTS,
        output=subpath(output.weights, parent=True),
    shell:
        "exec logged {log:q} gesture train --settings {resources.settings:q} --records {input.records:q}"
        " --member {wildcards.member:q} --stage {wildcards.stage} --previous {input.previous:q}"
        " --checkpoints {params.checkpoints:q} --output {params.output:q}"
        " --walltime {resources.runtime} --save-every {resources.save_every} --threads {threads} --gpus {params.gpus}"
