"""A real Slurm on this machine, from Debian's packages: one controller, one node, four GPUs that are plain files.

Nothing outside of its folder is touched: own key, sockets and ports, no system service. Its commands are small scripts
on PATH that name the configuration, because an environment variable would not reach the jobs (the executor removes all
SLURM_* ones).
"""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "sinfo", "scontrol", "sacct", "sacctmgr", "sshare")
NODE = "tiny"
PARTITION = "gpu"
PATIENCE = 600.0
WRAPPER = """\
#!/bin/sh
SLURM_CONF='{folder}/slurm.conf' '{real}' "$@"
code=$?
[ $code = 0 ] || echo {name} $code >> '{folder}/refused'
exit $code
"""


class Slurm:
    """The cluster; use as a context manager, which starts and ends its daemons."""

    def __init__(self, folder: Path) -> None:
        """Writes the configuration; the path must be short enough for a socket (about 100 characters)."""
        self.folder = folder
        self.bin = folder / "bin"
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._ended = ExitStack()

    def __enter__(self) -> "Slurm":
        self._write_files()
        try:
            self._start("munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key",
                        f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munged.pid",
                        f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munge.seed")  # fmt: skip
            wait_for((self.folder / "munge.socket").exists, "munged", self.logs)
            self.start_controller()
            self._start("slurmd", "-D", "-N", NODE, "-f", f"{self.folder}/slurm.conf")
            wait_for(lambda: self.node_state() == "idle", "the node", self.logs)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for name in ("slurmctld", "slurmd", "munged"):
            self._stop(name)
        for pid in processes_of(self.folder):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start_controller(self) -> None:
        """Starts it (again); what it knew of jobs is in its folder."""
        self._start("slurmctld", "-D", "-f", f"{self.folder}/slurm.conf")
        wait_for(self.answers, "slurmctld", self.logs)

    def stop_controller(self) -> None:
        """Ends it; jobs go on."""
        self._stop("slurmctld")

    def answers(self) -> bool:
        """True while the controller does."""
        return self.run("scontrol", "ping", check=False).returncode == 0

    def node_state(self) -> str:
        """Such as `idle`, `mixed`, `draining`, `drained`."""
        return self.run("sinfo", "--noheader", "--format=%T").stdout.strip().rstrip("*")

    def jobs(self) -> dict[str, tuple[str, str]]:
        """Number -> state and comment of every job that the controller remembers."""
        lines = self.run("squeue", "--noheader", "--states=all", "--format=%i|%T|%k").stdout.splitlines()
        return {number: (state, comment) for number, state, comment in (line.split("|", 2) for line in lines)}

    def refusals(self) -> int:
        """How often somebody asked for the states of jobs and got no answer."""
        path = self.folder / "refused"
        return (
            sum(line.startswith(("squeue", "sacct")) for line in path.read_text().splitlines()) if path.exists() else 0
        )

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs one of the commands."""
        return subprocess.run([self.bin / command[0], *command[1:]], check=check, capture_output=True, text=True)

    def logs(self) -> str:
        """The last lines of all daemons, for a message."""
        return "\n".join(f"== {path.name}\n{path.read_text()[-2000:]}" for path in sorted(self.folder.glob("*.log")))

    def _start(self, daemon: str, *arguments: str) -> None:
        executable = shutil.which(daemon, path=os.defpath + ":/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
        assert executable, daemon
        log = (self.folder / f"{daemon}.log").open("ab")
        with closing(log):
            self._daemons[daemon] = subprocess.Popen([executable, *arguments], stdout=log, stderr=log)

    def _stop(self, daemon: str) -> None:
        process = self._daemons.pop(daemon, None)
        if process:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _write_files(self) -> None:
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        for gpu in range(4):
            (self.folder / f"gpu{gpu}").touch()
        (self.folder / "gres.conf").write_text(f"Name=gpu Type=v100 File={self.folder}/gpu[0-3]\n")
        (self.folder / "slurm.conf").write_text(configuration(self.folder))
        for name in COMMANDS:
            real = shutil.which(name)
            if real:
                script = self.bin / name
                script.write_text(WRAPPER.format(folder=self.folder, real=real, name=name))
                script.chmod(0o755)


def configuration(folder: Path) -> str:
    """`slurm.conf`: no accounting database, no control groups, no system services, memory and CPUs as we say."""
    controller, node = free_ports(2)
    user = getpass.getuser()
    return f"""\
ClusterName=gesture
SlurmctldHost={socket.gethostname()}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=200000,batch_sched_delay=1
ReturnToService=2
InactiveLimit=0
KillWait=30
MinJobAge=3600
MpiDefault=none
GresTypes=gpu
NodeName={NODE} NodeAddr=127.0.0.1 NodeHostname={socket.gethostname()} CPUs=8 RealMemory=200000 Gres=gpu:v100:4
PartitionName={PARTITION} Nodes={NODE} Default=YES MaxTime=1-00:00:00 State=UP
"""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, from below those that Linux gives to outgoing connections."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            port = 20000 + secrets.randbelow(12000)
            with suppress(OSError):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
                found.append(port)
    return found


def processes_of(folder: Path) -> list[int]:
    """Processes with the folder on their PATH, as all jobs have it, or with a file of it open, as Slurm's own have."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            opened = [os.readlink(link) for link in (process / "fd").iterdir()]
            inherited = str(folder).encode() in (process / "environ").read_bytes()
            if inherited or any(name.startswith(f"{folder}/") for name in opened):
                found.append(int(process.name))
    return sorted(set(found) - {os.getpid()})


def wait_for(condition: Callable[[], object], what: str, explain: Callable[[], str] = str) -> None:
    """Polls until the condition holds; fails with an explanation after long enough for any machine."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE:.0f} s in vain for {what}\n{explain()}"
        time.sleep(0.1)
