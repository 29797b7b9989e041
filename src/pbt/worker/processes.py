"""Which processes may be workers: neither a child that only imports the script, nor one of several ranks."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from pbt.errors import PBTError, SettingsError

_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK")
"""Set by torchrun, accelerate, DeepSpeed, Lightning and Kubernetes' training jobs, or by hand in Slurm's."""
_SIZES = ("WORLD_SIZE", "SLURM_NTASKS")
"""How many ranks there are, where a rank is set. Slurm sets its own in every job: of itself that says nothing."""
_MPI = ("OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "HOROVOD_SIZE", "PMI_SIZE")
"""Environment variables with the number of ranks, as mpirun and other launchers set them."""


def check_process() -> None:
    """Refuse to be a worker where the user can not mean it.

    Raises:
        PBTError: multiprocessing has started this process, and it is still importing the script.
        SettingsError: it is one of several ranks of one training.
    """
    check_imported()
    found = ranks(os.environ)
    if found is not None:
        name, size = found
        raise SettingsError(
            f"this is one of {size} ranks of one training ({name}={size}), and each of them would get a member of its "
            f"own: several processes for one member are not supported yet. Start one process for each worker; if these "
            f"are meant to be workers, each with its own member, unset {name} (env -u {name} python …)"
        )


def check_imported() -> None:
    """Refuse to run what a script does when a child of its own merely imports it.

    Raises:
        PBTError: multiprocessing has started this process, and it is still importing the script.
    """
    process = sys.modules.get("multiprocessing.process")
    if process is not None and getattr(process.current_process(), "_inheriting", False):
        raise PBTError(
            "this is no worker, but a process that multiprocessing has started (by spawn or forkserver: a data "
            "loader's, an environment's, a pool's), and which imports the script to find its functions. Put whatever "
            'trains below a line that says: if __name__ == "__main__":'
        )


def ranks(environment: Mapping[str, str]) -> tuple[str, int] | None:
    """The variable that says that this process is one of several ranks, and how many they are."""
    found = [name for name in _SIZES if any(rank in environment for rank in _RANKS)]
    found += [name for name in _MPI if not (name == "PMI_SIZE" and _by_srun(environment))]
    for name in found:
        text = environment.get(name, "")
        if text.isdecimal() and int(text) > 1:
            return name, int(text)
    return None


def _by_srun(environment: Mapping[str, str]) -> bool:
    """Whether srun has set MPI's variables: where its plugin for MPI is the default it does so for any program."""
    return environment.get("PMI_RANK", "") == environment.get("SLURM_PROCID")
