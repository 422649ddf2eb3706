#!/usr/bin/env python3
"""What no source file may hold: unsafe calls, printing and clocks in the library, machines' paths;
what each must: a licence line; and functions of a readable length.

SPDX-License-Identifier: GPL-3.0-or-later"""
import re
import statistics

import project

BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|rand|srand|"
                    r"alloca|setlocale)\s*\(")
# Only src/cli talks to the process's surroundings.
CLI_ONLY = re.compile(r"\b(printf|vprintf|puts|putchar|perror|exit|abort|isatty)\s*\(|\b(stdout|stderr)\b")
CLOCK = re.compile(r"\b(time|clock|clock_gettime|gettimeofday|localtime|mktime|localtime_r)\s*\(")
FORK = re.compile(r"\b(fork|vfork|pthread_create|thrd_create)\s*\(")
MACHINE = re.compile(r"(?<![\w.])/(work|home|root|mnt|Users)/\w")
TEMPORARY = re.compile(r"(?<![\w.}])/tmp/")
LONGEST = 120
# igraph's fatal handler may not return; it runs in a worker process, whose end its parent reports.
ALLOWED = ('src/detect/leiden.c:', '"abort("')


def lines_that(pattern, path, source):
    for number, line in enumerate(source.splitlines(), 1):
        match = pattern.search(line)
        if match:
            yield f"{path}:{number}: \"{match.group(0).strip()}\""


def functions(path):
    """(first line, length) of each function: a brace alone in column 0 opens it, another closes it."""
    start = None
    for number, line in enumerate(project.text(path).splitlines(), 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield start, number - start - 1
            start = None


def check_c(path, findings, lengths):
    source = project.code(path)
    findings += [f"{hit} is banned" for hit in lines_that(BANNED, path, source)]
    if not path.startswith("src/"):
        return
    if not path.startswith("src/cli/"):
        findings += [f"{hit} belongs to src/cli alone" for hit in lines_that(CLI_ONLY, path, source)
                     if not (hit.startswith(ALLOWED[0]) and hit.endswith(ALLOWED[1]))]
        findings += [f"{hit}: results depend on no clock" for hit in lines_that(CLOCK, path, source)]
        if not path.startswith("src/base/"):
            findings += [f"{hit} belongs to src/base alone" for hit in lines_that(FORK, path, source)]
    for start, length in functions(path):
        lengths.append(length)
        if length > LONGEST:
            findings.append(f"{path}:{start}: a function of {length} lines; at most {LONGEST}")


def main():
    findings, lengths, checked = [], [], 0
    for path in project.files():
        is_c = path.endswith((".c", ".h", ".h.in"))
        is_source = is_c or path.endswith((".py", ".sh", ".cmake", "CMakeLists.txt")) or \
            re.match(r"(scripts|\.ci)/[^.]+$", path)
        is_text = is_source or path.endswith((".md", ".1", ".json", ".csv"))
        if not is_text or path == "tests/meta/test_source.py":
            continue
        checked += 1
        whole = project.text(path)
        if is_source and "SPDX-License-Identifier: GPL-3.0-or-later" not in "\n".join(whole.splitlines()[:80]):
            findings.append(f"{path}: no licence line")
        findings += [f"{hit} is a path of somebody's machine" for hit in lines_that(MACHINE, path, whole)]
        if not path.startswith("tests/"):
            findings += [f"{hit} is a path of somebody's machine" for hit in lines_that(TEMPORARY, path, whole)]
        if is_c:
            check_c(path, findings, lengths)
    if lengths:
        over = sum(length > 70 for length in lengths)
        print(f"{len(lengths)} functions in src: median {statistics.median(lengths):g} lines, longest "
              f"{max(lengths)}, {over} over 70")
    for path in project.files(".c", ".h", under="src"):
        count = project.text(path).count("\n")
        if count > 600:
            print(f"note: {path} has {count} lines")
    project.finish(findings, checked, "files")


main()
