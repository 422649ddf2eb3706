#!/usr/bin/env python3
"""Every relative link in the documents leads to a file, and every docs/NAME that code or a document
mentions exists.

SPDX-License-Identifier: GPL-3.0-or-later"""
import os
import re

import project

LINK = re.compile(r"\[[^\]]*\]\(([^)#:\s]+)(?:#[^)]*)?\)")
MENTION = re.compile(r"\bdocs/[\w./-]*\w\.(?:md|json|1)\b")


def exists(path):
    return os.path.exists(os.path.join(project.SOURCE, path))


def main():
    findings, checked = [], 0
    for path in project.files(".md", ".c", ".h", ".1", ".py", ".in"):
        text = project.text(path)
        if path.endswith(".md"):
            for target in LINK.findall(text):
                checked += 1
                if not exists(os.path.join(os.path.dirname(path), target)):
                    findings.append(f"{path}: link to {target}, which is not there")
        for target in set(MENTION.findall(text)):
            checked += 1
            if "NAME" not in target and not exists(target):
                findings.append(f"{path}: speaks of {target}, which is not there")
    project.finish(findings, checked, "links")


main()
