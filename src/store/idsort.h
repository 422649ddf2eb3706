/* idsort.h - put the distinct ids of a batch in byte order, by several threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_IDSORT_H
#define RSI_STORE_IDSORT_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/work.h"

/* One id. `order` is the caller's to use once the ids are sorted. */
typedef struct rsi_id {
    uint64_t order; /* while sorting: eight bytes of the id from the first that differ among all */
    const char *bytes;
    uint32_t length;
    uint32_t local;
} rsi_id;

/* Sort by bytes, a prefix first. The ids are distinct, so the result does not depend on their
 * order or on the threads. Memory: a copy of the array. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_ids_sort(rsi_id *ids, size_t count, const rs_work *work, rs_error *err);

#endif
