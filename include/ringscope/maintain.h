/* maintain.h - what keeps a store small and fit: forget a batch, merge what nights left behind.
 *
 * Each call takes the writer's lock and publishes one new manifest: a kill at any moment leaves the
 * store as it was or as it should be. Readers go on reading the snapshot they opened.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RINGSCOPE_MAINTAIN_H
#define RINGSCOPE_MAINTAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "work.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rs_drop_result {
    uint64_t row_count; /* as they were sent */
    uint64_t edge_count;
    uint64_t bytes_before; /* of the snapshot on disk */
    uint64_t bytes_after;
} rs_drop_result;

/* Forget batch `name`: its relations, attributes, rows and event keys are gone at once, ids that
 * nothing uses any more at the next compaction; the name may be used again. RS_ENOTFOUND: no such
 * store or batch. RS_EUSAGE: a compaction merged it with others. O(files). */
RS_API RS_MUST_USE rs_status rs_drop_batch(const char *store_path, const char *name,
                                           const rs_work *work, rs_drop_result *result,
                                           rs_error *err);

#ifdef __cplusplus
}
#endif
#endif
