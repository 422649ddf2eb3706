/* verify.h - hold what a store keeps against its invariants, and list what does not hold.
 *
 * Every invariant has an id and a text (docs/FORMAT.md): S-01 ... of the store's files, R-01 ... of
 * the runs that it keeps. A violation is an answer, not a failure: the calls return RS_OK and leave
 * what they found in the list; a status is what kept them from looking.
 *
 * Memory   a text and a file name for each of the first RS_VIOLATIONS_KEPT; the others are counted
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_VERIFY_H
#define RINGSCOPE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RS_VIOLATIONS_KEPT 1000

typedef struct rs_violation {
    char id[8]; /* "S-05" */
    char *file; /* name in the store, such as "runs/latest"; "" where it is not one file */
    char *text; /* what was expected, what was found; one line */
} rs_violation;

/* Starts as {0}; freed by rs_violations_free. */
typedef struct rs_violations {
    uint64_t count;
    size_t kept_count; /* at most RS_VIOLATIONS_KEPT */
    rs_violation *kept;
} rs_violations;

RS_API void rs_violations_free(rs_violations *list);

/* The invariants, in order of their ids. */
typedef struct rs_invariant {
    const char *id;
    const char *text; /* what must hold: one sentence, lower case */
} rs_invariant;
RS_API size_t rs_invariant_count(void);
RS_API rs_invariant rs_invariant_at(size_t index);

/* Check the store at `path` against the S- invariants, its files' digests among them; `deep`
 * unpacks every block, too, and holds its content against the rest. Adds to `list`. RS_ENOTFOUND
 * where there is no directory; RS_EIO, RS_ENOMEM, RS_EINTERRUPTED. Memory: a block of each
 * dictionary part, and 1 bit an id (4 bytes and a bit after a compaction that renumbered). */
RS_API RS_MUST_USE rs_status rs_store_check(const char *path, bool deep, const rs_work *work,
                                            rs_violations *list, rs_error *err);

/* Check every run that the store keeps: `latest`, sidecars, and every byte of every file of a run.
 * Adds to `list`. A store without runs is fine. RS_EIO, RS_ENOMEM, RS_EINTERRUPTED. */
RS_API RS_MUST_USE rs_status rs_runs_verify(const char *store_path, const rs_work *work,
                                            rs_violations *list, rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
