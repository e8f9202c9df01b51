"""Runs one command on the idlest cores within a budget, and measures what it used."""

import os
import signal
import subprocess
import threading
import time

import psutil


def core_ticks():
    """Busy and stolen CPU seconds per core since boot, for the cores allowed here."""
    hz, ok, out = os.sysconf("SC_CLK_TCK"), os.sched_getaffinity(0), {}
    for l in open("/proc/stat"):
        f = l.split()
        if f[0][:3] == "cpu" and f[0][3:].isdigit() and int(f[0][3:]) in ok:
            v = [int(x) for x in f[1:9]]
            out[int(f[0][3:])] = (v[0] + v[1] + v[2] + v[5] + v[6] + v[7]) / hz
    return out


def pick_cores(jobs, wait_s, max_busy=0.25):
    """The `jobs` idlest cores over 2 seconds; waits up to wait_s until all of them are below max_busy."""
    t0 = time.time()
    while True:
        a, t = core_ticks(), time.time()
        time.sleep(2)
        b, d = core_ticks(), time.time() - t
        busy = sorted(((b[c] - a[c]) / d, c) for c in b)[:jobs]
        if busy[-1][0] <= max_busy or time.time() - t0 >= wait_s:
            return [c for _, c in busy], round(time.time() - t0, 1)


def run(cmd, workdir, budget, grace, jobs, cpus):
    """-> (status, measurements). Peak memory is the largest sum of resident sizes over the process tree (polled 5x a
    second); CPU time is that of the process and of the children it waited for."""
    env = dict(
        os.environ,
        BENCH_T0=repr(time.time()),
        PYTHONHASHSEED="0",
        TOKENIZERS_PARALLELISM="false",
        TQDM_DISABLE="1",
        TMPDIR=workdir,
        HF_HUB_OFFLINE="1",
        XLA_FLAGS=os.environ.get("XLA_FLAGS", ""),
    )
    env.pop("PYTHONPATH", None)
    for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        env[k] = str(jobs)

    def pre():
        os.setsid()
        os.sched_setaffinity(0, cpus)

    log = open(os.path.join(workdir, "log.txt"), "wb")
    busy0 = sum(v for c, v in core_ticks().items() if c in cpus)
    t0 = time.time()
    p = subprocess.Popen(cmd, cwd=workdir, env=env, stdout=log, stderr=subprocess.STDOUT, preexec_fn=pre)
    peak, stop = [0], threading.Event()

    def watch():
        root = psutil.Process(p.pid)
        while not stop.wait(0.2):
            tot = 0
            try:
                for q in [root] + root.children(recursive=True):
                    try:
                        tot += q.memory_info().rss
                    except psutil.Error:
                        pass
            except psutil.Error:
                break
            peak[0] = max(peak[0], tot)

    th = threading.Thread(target=watch, daemon=True)
    th.start()
    status, ru = "ok", None
    while True:
        pid, st, ru = os.wait4(p.pid, os.WNOHANG)
        if pid:
            p.returncode = os.waitstatus_to_exitcode(st)
            if p.returncode != 0:
                status = "error"
            break
        if time.time() - t0 > budget * grace:
            os.killpg(p.pid, signal.SIGKILL)
            _, st, ru = os.wait4(p.pid, 0)
            p.returncode, status = -9, "timeout"
            break
        time.sleep(0.05)
    wall = time.time() - t0
    busy1 = sum(v for c, v in core_ticks().items() if c in cpus)
    stop.set()
    th.join()
    try:
        os.killpg(p.pid, signal.SIGKILL)  # stragglers of the tree
    except ProcessLookupError:
        pass
    other = max(0.0, (busy1 - busy0 - ru.ru_utime - ru.ru_stime) / wall)
    return status, dict(
        other_cores=round(other, 2),
        wall_s=round(wall, 2),
        cpu_s=round(ru.ru_utime + ru.ru_stime, 2),
        peak_rss_mb=round(max(peak[0] / 2**20, ru.ru_maxrss / 1024), 1),
        returncode=p.returncode,
    )
