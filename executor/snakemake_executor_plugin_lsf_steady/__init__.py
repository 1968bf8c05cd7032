"""Snakemake executor `lsf-steady`; Snakemake looks for these three names."""

from snakemake_interface_executor_plugins.settings import CommonSettings

from snakemake_executor_plugin_lsf_steady.executor import Executor
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    # bsub hands the whole environment on.
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=0,
    pass_group_args=True,
)
