# Raw files: made by the generator, downloaded, or found in the user's folder.


rule download:
    """Step 1: make, download or check the raw files. IN: data.folder, if any. OUT: manifest of the files."""
    output:
        manifest="<raw>/manifest.json",
    log:
        "<logs>/download.log",
    benchmark:
        "<benchmarks>/download.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 4
    resources:
        settings=SETTINGS,
    params:
        seen=SEEN.files,
    shell:
        "exec logged {log:q} gesture download --settings {resources.settings:q}"
        " --output {output.manifest:q} --processes {threads}"
