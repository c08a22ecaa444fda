//! Runs unmodified programs in virtual time, under ptrace and seccomp.
