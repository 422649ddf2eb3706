/* zblock.h - one block of bytes through zstd, with contexts that are used again.
 *
 * A zblock belongs to one thread. Each packed block is one zstd frame without a checksum (whoever
 * stores it has its own). Packing is deterministic for one version of zstd.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_ZBLOCK_H
#define RSI_BASE_ZBLOCK_H

#include "base/bytes.h"

typedef struct rsi_zblock rsi_zblock;

RS_MUST_USE rs_status rsi_zblock_new(rsi_zblock **out, rs_error *err);
void rsi_zblock_free(rsi_zblock *zblock);

/* Append the packed form of `bytes` to `out`; *packed is its length. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_zblock_pack(rsi_zblock *zblock, const void *bytes, size_t length,
                                      int level, rsi_buffer *out, size_t *packed, rs_error *err);

/* Unpack one frame that must give exactly `length` bytes. RS_ECORRUPT where it does not. */
RS_MUST_USE rs_status rsi_zblock_unpack(rsi_zblock *zblock, const void *packed,
                                        size_t packed_length, void *bytes, size_t length,
                                        rs_error *err);

#endif
