# Raw files to tfrecords. The shards are not declared: a killed conversion keeps those that are complete.


rule convert:
    """Step 2: convert to tfrecords. IN: raw files. OUT: shards, their index and manifest."""
    input:
        raw=ancient("<raw>/manifest.json"),
    output:
        manifest="<records>/manifest.json",
        index="<records>/index.csv",
    log:
        "<logs>/convert.log",
    benchmark:
        "<benchmarks>/convert.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 4
    resources:
        settings=SETTINGS,
        mem_mb=8000,
        runtime=240,
    params:
        seen=SEEN.digest(),
    shell:
        "exec logged {log:q} gesture convert --settings {resources.settings:q}"
        " --raw {input.raw:q} --output {output.manifest:q} --processes {threads}"
