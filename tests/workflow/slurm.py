"""A cluster of one node for the tests: munge, slurmctld and slurmd as children of this process, in a folder of theirs.

Nothing outside that folder is touched, and no Slurm that the machine may have is asked: the commands that users call
are wrapped to read this cluster's configuration. Its GPUs are plain files.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "sacct", "sacctmgr", "sshare")
# Not always on the path of those who are not root.
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
GPUS = 2
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={controller}
SlurmdPort={node}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
# Neither control groups nor an accounting database.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1
# Seconds that squeue knows of a job after its end.
MinJobAge=3600
ReturnToService=2
MpiDefault=none
GresTypes=gpu
# The node is said to have more than it has, so that small machines can run the tests.
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=64000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=tests Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class CannotStartError(Exception):
    """Why there is no cluster on this machine, in a daemon's own words where it has any."""


def missing() -> list[str]:
    """Return the programs of Slurm and munge that are not installed."""
    return [name for name in (*DAEMONS, "sbatch", "setpriv") if not shutil.which(name, path=PLACES)]


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Path]:
    """Run the daemons; yield the folder of the wrapped commands, to be put in front of PATH.

    `folder` needs a short path, since the name of a socket holds at most 107 characters. Raises `CannotStartError`.
    """
    _configure(folder)
    with contextlib.ExitStack() as started:
        munged = (f"--socket={folder}/munge.socket", f"--key-file={folder}/munge.key", f"--pid-file={folder}/munge.pid",
                  f"--seed-file={folder}/munge.seed", f"--log-file={folder}/munge.log", "--foreground", "--force",
                  "--num-threads=2")  # fmt: skip
        options = {"munged": munged, "slurmctld": ("-D", "-f", f"{folder}/slurm.conf"),
                   "slurmd": ("-D", "-f", f"{folder}/slurm.conf")}  # fmt: skip
        daemons = {}
        for name in DAEMONS:
            daemons[name] = started.enter_context(_daemon(name, options[name], folder))
            if name == "munged":
                _wait(lambda: (folder / "munge.socket").exists(), daemons, folder)
        _wait(lambda: _state(folder) == "idle", daemons, folder)
        started.callback(_end_jobs, folder)
        yield folder / "bin"


def jobs(commands: Path) -> list[dict[str, str]]:
    """Return what Slurm says of each of its jobs, by the names that it has for it."""
    said = subprocess.run([commands / "scontrol", "--oneliner", "--details", "show", "jobs"], capture_output=True,
                          text=True, check=True).stdout  # fmt: skip
    lines = [line for line in said.splitlines() if line.startswith("JobId=")]
    return [dict(entry.split("=", 1) for entry in line.split() if "=" in entry) for line in lines]


def _configure(folder: Path) -> None:
    folder.chmod(0o755)
    ports = _free_ports(2)
    text = CONFIGURATION.format(host=socket.gethostname().split(".")[0], user=pwd.getpwuid(os.getuid()).pw_name,
                                folder=folder, controller=ports[0], node=ports[1], gpus=GPUS)  # fmt: skip
    (folder / "slurm.conf").write_text(text)
    (folder / "gres.conf").write_text(f"Name=gpu File={folder}/gpu[0-{GPUS - 1}]\n")
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    for number in range(GPUS):
        (folder / f"gpu{number}").touch()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    for name in COMMANDS:
        wrapped = folder / "bin" / name
        wrapped.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which(name, path=PLACES)} "$@"\n')
        wrapped.chmod(0o755)


def _free_ports(n: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def _daemon(name: str, options: tuple[str, ...], folder: Path) -> Iterator[subprocess.Popen]:
    """Run a daemon in the foreground; it ends with this block, and with this process however that ends."""
    program = shutil.which(name, path=PLACES)
    with (folder / f"{name}.said").open("w") as said:
        process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", program, *options], stdout=said, stderr=said,
                                   env=os.environ | {"SLURM_CONF": f"{folder}/slurm.conf"})  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_jobs(folder: Path, seconds: float = 30) -> None:
    """End what a test that failed has left running, while there is still somebody to end it."""
    user = pwd.getpwuid(os.getuid()).pw_name
    subprocess.run([folder / "bin" / "scancel", f"--user={user}"], capture_output=True, check=False)
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(job["JobState"] in ("RUNNING", "COMPLETING") for job in jobs(folder / "bin")):
        time.sleep(0.5)


def _wait(until, daemons: dict[str, subprocess.Popen], folder: Path, seconds: float = 30) -> None:
    """Wait until the cluster is there; raise `CannotStartError` where a daemon ends or nothing comes of it."""
    end = time.monotonic() + seconds
    while not until():
        ended = [name for name, process in daemons.items() if process.poll() is not None]
        if ended or time.monotonic() > end:
            name = (ended or list(daemons))[-1]
            lines = [line for line in (folder / f"{name}.said").read_text().splitlines() if line.strip()]
            errors = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()]
            raise CannotStartError(f"{name}: {(errors or lines or ['it said nothing'])[-1]}")
        time.sleep(0.2)


def _state(folder: Path) -> str:
    done = subprocess.run([folder / "bin" / "sinfo", "--noheader", "--format=%T"], capture_output=True, text=True,
                          check=False)  # fmt: skip
    return done.stdout.strip()
