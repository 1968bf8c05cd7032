# The workflow, where `snakemake` in a clone looks first; as a module, or by `snakedeploy`, it is workflow/Snakefile.
include: "workflow/Snakefile"


# What an included file says of the default is not heard.
workflow.default_target = workflow.modifier.avail_rulename("all") or workflow.default_target
