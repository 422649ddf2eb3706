/* salvage.h - what the parts of a salvage share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_SALVAGE_H
#define RSI_STORE_SALVAGE_H

#include "ringscope/rescue.h"
#include "store/batch.h"
#include "store/partial.h"

/* A block that does not check out, or that the disk does not give. */
static inline bool rsi_is_lost(rs_status status)
{
    return status == RS_ECORRUPT || status == RS_EIO;
}

/* The ids of one type by dense number. */
typedef struct rsi_saved_ids {
    uint32_t count;
    rs_text *ids; /* bytes NULL: lost */
    char **parts; /* the bytes, a piece for each block */
    size_t part_count;
} rsi_saved_ids;

/* Read all ids of a type that can be read; *lost counts the others. RS_ENOMEM, RS_EIO. */
RS_MUST_USE rs_status rsi_saved_ids_read(rsi_saved_ids *out, const rsi_partial *partial,
                                         size_t type, uint64_t *lost, rs_error *err);
void rsi_saved_ids_free(rsi_saved_ids *ids);

/* What is at work. */
typedef struct rsi_salvage {
    const rsi_partial *partial;
    const rs_store *store;
    const char *to;
    const rs_work *work;
    rsi_saved_ids *ids; /* per type */
    rsi_segment_coder *edges_coder;
    rsi_values_coder *values_coder;
    rsi_rows_coder *rows_coder;
    rsi_buffer edge_bytes;
    rsi_buffer row_bytes;
    rs_salvage_result *result;
} rsi_salvage;

/* Send the batch `home` of the old store again, what can be read of it, and count what is lost. */
RS_MUST_USE rs_status rsi_salvage_batch(rsi_salvage *s, uint32_t home, rs_error *err);

#endif
