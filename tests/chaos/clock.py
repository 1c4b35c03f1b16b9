"""A clock that is wrong: a library that is loaded before all others and moves the wall clock of one process."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long shift(void) {
    const char *text = getenv("CHAOS_CLOCK_SECONDS");
    return text ? atol(text) : 0;
}

int clock_gettime(clockid_t id, struct timespec *to) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, to);
    if (!result && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) to->tv_sec += shift();
    return result;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
    int result = real(to, zone);
    if (!result && to) to->tv_sec += shift();
    return result;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}
"""


def build_wrong_clock(folder: Path) -> Path | None:
    """Build the library; None where there is no C compiler.

    Args:
        folder: Where to put it.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(_SOURCE)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def wrong_by(library: Path, seconds: int) -> dict[str, str]:
    """Give the variables that make a process's clock wrong, and those of its children.

    Args:
        library: What `build_wrong_clock` built.
        seconds: How far it goes ahead.
    """
    return {"LD_PRELOAD": str(library), "CHAOS_CLOCK_SECONDS": str(seconds)}
