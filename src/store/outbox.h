/* outbox.h - blocks made by several threads in any order, written in theirs.
 *
 * A parcel is the blocks that one task made: per block [ length u32 ][ note length u16 ][ note ][
 * bytes ]. Parcel i is written as soon as all before it are; so what waits in memory is little, and
 * the file does not depend on the threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_OUTBOX_H
#define RSI_STORE_OUTBOX_H

#include "store/blockfile.h"

typedef struct rsi_outbox rsi_outbox;

RS_MUST_USE rs_status rsi_outbox_new(rsi_outbox **out, rsi_blockwriter *writer, size_t parcels,
                                     rs_error *err);
void rsi_outbox_free(rsi_outbox *outbox);

/* Add a block to a parcel in the making. */
RS_MUST_USE rs_status rsi_parcel_add(rsi_buffer *parcel, const rsi_buffer *block, const void *note,
                                     size_t note_length, rs_error *err);
/* Write its blocks and leave it empty: for who has no need of an outbox. */
RS_MUST_USE rs_status rsi_parcel_write(rsi_blockwriter *writer, rsi_buffer *parcel, rs_error *err);
/* Hand over parcel `number`, once for each; the outbox takes its memory and leaves it empty. Any
 * thread. */
RS_MUST_USE rs_status rsi_outbox_put(rsi_outbox *outbox, size_t number, rsi_buffer *parcel,
                                     rs_error *err);

#endif
