/* work.h - what a long call may use, and how it tells where it is.
 *
 * Every stage takes a `const rs_work *`; NULL means one thread, no limit, no reports.
 * The result of a stage never depends on it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_WORK_H
#define RINGSCOPE_WORK_H

#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One report. `total` is 0 where the end is not known; both count `unit` ("rows", "bytes",
 * "nodes"). The strings live as long as the call that reports. */
typedef struct rs_progress {
    const char *stage;
    const char *unit;
    uint64_t done;
    uint64_t total;
} rs_progress;

typedef struct rs_work {
    unsigned threads;      /* worker threads or processes; 0 counts as 1 */
    uint64_t memory_bytes; /* budget; 0 means no limit */
    const char *folder;    /* for temporary files beyond it; NULL: all stays in memory */
    /* Called from the calling thread, often; not 0 asks the call to stop: it undoes what it did
     * and returns RS_EINTERRUPTED. May be NULL. */
    int (*progress)(void *context, const rs_progress *now);
    void *context;
} rs_work;

/* Report where `work` is; RS_EINTERRUPTED when the caller wants to stop. `work` may be NULL. */
RS_API RS_MUST_USE rs_status rs_work_report(const rs_work *work, const char *stage,
                                            const char *unit, uint64_t done, uint64_t total,
                                            rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
