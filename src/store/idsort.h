/* idsort.h - put the distinct ids of a batch in byte order, by several threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_IDSORT_H
#define RSI_STORE_IDSORT_H

#include <stddef.h>
#include <stdint.h>

#include "ringscope/work.h"
#include "store/shard.h"

/* One id. `order` and `range` are the caller's to use once the ids are sorted. */
typedef struct rsi_id {
    uint64_t order;
    uint32_t local;  /* rsi_shard_text gives its bytes */
    uint16_t length; /* of the id; set by the sort */
    uint16_t range;
} rsi_id;

/* Sort by bytes, a prefix first; each id comes with its `local`. The ids are distinct, so the
 * result does not depend on their order or on the threads. `other` is scratch of the same size.
 * RS_ENOMEM. */
RS_MUST_USE rs_status rsi_ids_sort(rsi_id *ids, rsi_id *other, size_t count,
                                   const rsi_shard *shards, const rs_work *work, rs_error *err);

#endif
