#!/usr/bin/env python3
"""Each #include in src/ and include/ stands in what src/CMakeLists.txt declares for its folder, and
third-party headers only where docs/ARCHITECTURE.md's table allows them.

SPDX-License-Identifier: GPL-3.0-or-later"""
import re

import project

# The one file or folder that may touch a library, so that its oddities stay behind it.
THIRD_PARTY = {
    "zstd.h": ["base"], "zstd_errors.h": ["base"], "zlib.h": ["base"], "xxhash.h": ["base"],
    "unicase.h": ["base"], "unictype.h": ["base"], "uninorm.h": ["base"],
    # Threads are started in base alone (test_source.py); a lock may be held where data is shared.
    "pthread.h": ["base", "store", "ingest"], "threads.h": [],
    "cjson/cJSON.h": ["ingest", "report", "lab", "cli"],
    "igraph.h": ["detect"],
    "libpq-fe.h": ["db"], "sqlite3.h": ["db"], "sodium.h": ["feedback"],
    "xgboost/c_api.h": ["learn"], "dlfcn.h": ["learn"],
}
ONE_FILE = ["igraph.h", "libpq-fe.h", "sqlite3.h", "sodium.h", "xgboost/c_api.h", "dlfcn.h"]
SYSTEM = set("""assert.h ctype.h errno.h fcntl.h fnmatch.h glob.h inttypes.h limits.h dirent.h float.h
    math.h sched.h signal.h stdalign.h stdarg.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h
    strings.h time.h unistd.h sys/file.h sys/ioctl.h sys/mman.h sys/resource.h sys/stat.h sys/types.h
    sys/uio.h sys/wait.h poll.h emmintrin.h immintrin.h arm_neon.h endian.h sys/random.h
    stdatomic.h sys/socket.h sys/prctl.h sys/sysmacros.h sys/time.h linux/falloc.h malloc.h""".split())
PUBLIC_SYSTEM = {"stdbool.h", "stddef.h", "stdint.h"}


def declared():
    modules = {}
    for match in re.finditer(r"^rs_module\((\w+)([^)]*)\)", project.text("src/CMakeLists.txt"), re.M):
        deps = re.search(r"DEPS ([\w ]+?)(?: LIBS|$)", match.group(2).strip())
        modules[match.group(1)] = set(deps.group(1).split()) if deps else set()
    return modules


def includes(path):
    for number, line in enumerate(project.text(path).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1) == "<", match.group(2)


def main():
    modules, findings, users = declared(), [], {}
    order = list(modules)
    for name, deps in modules.items():
        for dep in deps:
            if dep not in modules or order.index(dep) >= order.index(name):
                findings.append(f"src/CMakeLists.txt: {name} may not depend on {dep}: it stands later")
    paths = project.files(".c", ".h", under="src") + project.files(".h", ".h.in", under="include")
    for path in paths:
        public = path.startswith("include/")
        module = None if public else path.split("/")[1]
        if not public and module != "cli" and module not in modules:
            findings.append(f"{path}: folder \"{module}\" is not declared by rs_module")
            continue
        allowed = set(modules) if module == "cli" else modules.get(module, set()) | {module}
        for number, angled, name in includes(path):
            where, first = f"{path}:{number}", name.split("/")[0]
            if public:
                good = name in PUBLIC_SYSTEM if angled else name.split("/")[-1] == name or first == "ringscope"
                if not good:
                    findings.append(f"{where}: a public header may not include {name}")
            elif angled and name in THIRD_PARTY:
                users.setdefault(name, set()).add(path)
                if module not in THIRD_PARTY[name]:
                    findings.append(f"{where}: <{name}> belongs to {', '.join(THIRD_PARTY[name])} alone")
            elif angled and name not in SYSTEM:
                findings.append(f"{where}: <{name}> is not in the list of system headers")
            elif not angled and first != "ringscope" and first not in allowed | {"cli"} & {module}:
                findings.append(f"{where}: \"{module}\" may not include \"{name}\"; it may use "
                                f"{', '.join(sorted(allowed))}")
    for name in ONE_FILE:
        if len(users.get(name, ())) > 1:
            findings.append(f"<{name}> is included by {', '.join(sorted(users[name]))}: one file only")
    project.finish(findings, len(paths), "files")


main()
