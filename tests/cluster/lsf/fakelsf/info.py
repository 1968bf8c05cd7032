"""What the cluster says of itself: badmin, lsclusters, bhosts, lshosts, bqueues."""

from fakelsf.cluster import Cluster
from fakelsf.resources import RefusedError


def badmin(cluster: Cluster, arguments: list[str]) -> int:
    """`badmin showconf mbd`."""
    if arguments[:1] != ["showconf"]:
        raise RefusedError("badmin: only `showconf` is allowed for users")
    config = cluster.config
    print("MBD configuration at Mon Jan  6 10:00:00 2025")
    print(f"        LSB_SHAREDIR = {cluster.folder}")
    print(f"        LSF_CONFDIR = {cluster.folder}")
    print(f"        LSF_GPU_NEW_SYNTAX = {config['gpu_new_syntax']}")
    print(f"        LSF_UNIT_FOR_LIMITS = {config['unit']}")
    return 0


def lsclusters(cluster: Cluster, arguments: list[str]) -> int:
    """The one cluster."""
    print("CLUSTER_NAME   STATUS   MASTER_HOST   ADMIN      HOSTS  SERVERS")
    print(f"{cluster.config['cluster']}           ok       login1        lsfadmin   3      2")
    return 0


def bhosts(cluster: Cluster, arguments: list[str]) -> int:
    """Hosts and their slots; `-gpu`: their GPUs."""
    if "-gpu" in arguments:
        print("HOST_NAME ID MODEL MUSED MRSV NJOBS RUN SUSP RSV")
        for host in cluster.config["hosts"]:
            for number in range(host["gpus"]):
                print(f"{host['name']} {number} {host['gpu_model']} 0M 0M 0 0 0 0")
        return 0
    print("HOST_NAME          STATUS       JL/U    MAX  NJOBS    RUN  SSUSP  USUSP    RSV")
    for host in cluster.config["hosts"]:
        print(f"{host['name']:<18} ok              -     {host['slots']}      0      0      0      0      0")
    return 0


def lshosts(cluster: Cluster, arguments: list[str]) -> int:
    """Hosts and what they are; `-gpu`: model and driver of each GPU."""
    if "-gpu" in arguments:
        print("HOST_NAME gpu_id gpu_model gpu_driver gpu_factor numa_id")
        for host in cluster.config["hosts"]:
            for number in range(host["gpus"]):
                print(f"{host['name']} {number} {host['gpu_model']} 535.104 7.0 0")
        return 0
    print("HOST_NAME                       type       model  cpuf ncpus maxmem maxswp server RESOURCES")
    for host in cluster.config["hosts"]:
        memory = f"{host['mem_mb'] // 1024}G"
        print(f"{host['name']:<25} X86_64   Intel_E5   12.5    {host['slots']}   {memory}     4G    Yes (mg)")
    return 0


def bqueues(cluster: Cluster, arguments: list[str]) -> int:
    """Queues; `-l`: with their run limits."""
    config = cluster.config
    wanted = [one for one in arguments if not one.startswith("-")] or list(config["queues"])
    unknown = [name for name in wanted if name not in config["queues"]]
    if unknown:
        raise RefusedError(f"{unknown[0]}: No such queue")
    if "-l" not in arguments:
        print("QUEUE_NAME      PRIO STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN  SUSP")
    for name in wanted:
        if "-l" in arguments:
            default = "  This is the default queue." if name == config["default_queue"] else ""
            print(f"\nQUEUE: {name}\n  -- For batch jobs.{default}\n\nPARAMETERS/STATISTICS")
            print(f"PRIO NICE STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN SSUSP USUSP  RSV\n"
                  f" 30    0  Open:Active       -    -    -    -     0     0     0     0     0    0\n\n"
                  f"MAXIMUM LIMITS:\n RUNLIMIT\n {config['queues'][name]}.0 min\n")  # fmt: skip
        else:
            print(f"{name:<15}  30  Open:Active       -    -    -    -     0     0     0     0")
    return 0
