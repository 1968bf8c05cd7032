"""What LSF appends to the file of `-o` when a job ends."""

from typing import Any

LINE = "-" * 60


def report(job: dict[str, Any], stat: str, code: int, reason: str | None, output: str) -> str:
    """The report, with the output after it."""
    words = "Done" if stat == "DONE" else "Exited"
    end = "Successfully completed." if stat == "DONE" else f"Exited with exit code {code}."
    lines = [
        "Sender: LSF System <lsfadmin@node1>",
        f"Subject: Job {job['id']}: <{job['name']}> in cluster <fake> {words}",
        "",
        f"Job <{job['name']}> was submitted from host <login1> by user <{job['user']}> in cluster <fake>.",
        "",
        "Your job looked like:",
        "",
        LINE,
        "# LSBATCH: User input",
        job["command"],
        LINE,
        "",
        *([reason] if reason else []),
        end,
        "",
        "Resource usage summary:",
        "",
        "    CPU time :                                   1.00 sec.",
        "",
        "The output (if any) follows:",
        "",
        output,
    ]
    return "\n".join(lines) + "\n"
