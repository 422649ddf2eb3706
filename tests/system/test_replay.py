#!/usr/bin/env python3
"""A past night is found again, byte for byte: after later batches, late rows among them, and after a
compaction that merged nothing late; where that cannot be, it says so.

SPDX-License-Identifier: GPL-3.0-or-later"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])
NIGHTS = [f"2026-03-0{day}" for day in range(1, 8)]
failures = []


def call(*words, status=0):
    done = subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != status:
        failures.append(f"{words}: exit status {done.returncode}, not {status}: {done.stderr}")
    return done.stdout + done.stderr


def expect(name, holds, *shown):
    if not holds:
        failures.append(" ".join([name, *map(str, shown)])[:600])


def read(path):
    with open(path, "rb") as file:
        return file.read()


def copy(folder, name):
    path = os.path.join(folder, name)
    shutil.copytree(os.path.join(folder, "store"), path)
    return path


def main():
    with tempfile.TemporaryDirectory() as folder:
        data, store = os.path.join(folder, "data"), os.path.join(folder, "store")
        mapping = os.path.join(data, "mapping.json")
        lists = ["--blacklist", os.path.join(data, "blacklist.csv"), "--whitelist", os.path.join(data, "whitelist.csv")]
        call("generate", data, "--accounts", "800", "--ring-share", ".1", "--nights", "7", "--seed", "3", "--night-folders")

        def ingest(night):
            call("ingest", store, "--mapping", mapping, "--batch", night,
                 *sorted(glob.glob(os.path.join(data, f"night-{night}", "*.csv"))))
        reports = {}
        for night in NIGHTS[:4]:
            ingest(night)
            reports[night] = os.path.join(folder, f"{night}.json")
            # Settings other than the default are the run's, too.
            call("run", store, *lists, "--report", reports[night], *(["--min-score", ".1"] if night == NIGHTS[1] else []))
        late = os.path.join(folder, "logins-late.csv")
        with open(late, "w", encoding="utf-8") as file:
            file.write("account,device,ip,ts\n" + "".join(f"late{i},d-late,10.0.0.1,2026-03-01T05:00:0{i}\n" for i in range(9)))
        call("ingest", store, "--mapping", mapping, "--batch", "late", late)
        for night in NIGHTS[:4]:
            again = os.path.join(folder, "again.json")
            said = call("replay", store, night, "--report", again)
            expect(f"{night} is not said to be the same", "byte for byte" in said, said)
            expect(f"{night} is not the same", read(again) == read(reports[night]))
        one = [name for name in os.listdir(os.path.join(store, "runs")) if len(name) == 32][0]
        call("replay", store, one, "--quiet")
        expect("something was left in runs", not [name for name in os.listdir(os.path.join(store, "runs")) if name[0] == "."])
        call("replay", store, "2026-03-09", status=3)
        call("replay", store, "0" * 32, status=3)
        call("replay", store, NIGHTS[0], "--model", late, status=3)
        dropped = copy(folder, "dropped")
        call("drop-batch", dropped, NIGHTS[0])
        said = call("replay", dropped, NIGHTS[1], status=3)
        expect("a batch that is gone is not named", f'batch "{NIGHTS[0]}", which it read' in said, said)
        merged = copy(folder, "merged")
        call("compact", merged)
        said = call("replay", merged, NIGHTS[1], status=3)
        expect("late rows that were merged are not suspected", "late rows" in said, said)
        call("drop-batch", store, "late")
        call("compact", store)
        for night in NIGHTS[:4]:
            call("replay", store, night)
        ingest(NIGHTS[4])
        call("replay", store, NIGHTS[3])
        call("compact", store, "--window", "2d")
        said = call("replay", store, NIGHTS[3], status=3)
        expect("rows that were forgotten", "is other than it was" in said, said)
    print("\n".join(failures) if failures else "ok")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
