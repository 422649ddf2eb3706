/* ids.h - ids (any bytes) -> 0, 1, 2, ... in order of first appearance.
 *
 * Memory: the bytes of the ids and about 20 bytes each. SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef RSI_LAB_IDS_H
#define RSI_LAB_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"
#include "ringscope/text.h"

#define RSI_NO_ID UINT32_MAX

typedef struct rsi_ids {
    char *bytes;
    size_t byte_count, byte_capacity;
    uint64_t *ends;    /* of each id in `bytes` */
    uint32_t *slots;   /* open addressing: id + 1, 0 is empty */
    size_t slot_count; /* a power of two, or 0 */
    uint32_t count;
    size_t capacity;
} rsi_ids;

void rsi_ids_free(rsi_ids *ids);
/* The number of `text`, new or old. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_ids_add(rsi_ids *ids, rs_text text, uint32_t *number, bool *is_new,
                                  rs_error *err);
/* Its number, or RSI_NO_ID. */
uint32_t rsi_ids_find(const rsi_ids *ids, rs_text text);
/* Lent until the next add. */
rs_text rsi_ids_text(const rsi_ids *ids, uint32_t number);
/* All numbers in the order of their ids' bytes; the caller frees *order (NULL where there are
 * none). */
RS_MUST_USE rs_status rsi_ids_sorted(const rsi_ids *ids, uint32_t **order, rs_error *err);

#endif
