"""The errors that a user can cause or mend; the command line prints each as one line."""

from __future__ import annotations


class SynthmedError(Exception):
    """What went wrong, where, and what to do, in one line. The command line exits with 1."""

    exit_code = 1


class UserError(SynthmedError):
    """Input that only the user can mend: a wrong option, name, file or value. The command line exits with 2."""

    exit_code = 2
