/* spill.h - a file beside the store's that holds what does not fit into memory, while somebody is
 * at work.
 *
 * It is taken off the directory as soon as it is made: the system frees it when the process ends,
 * however it ends. Nothing in it is part of the format, and nobody else can read it.
 * Threads: any may write and read at once.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_SPILL_H
#define RSI_BASE_SPILL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "ringscope/error.h"

/* Names of such files begin so, for the moment in which one has a name. */
#define RSI_SPILL_NAME "tmp-spill"

typedef struct rsi_spill {
    int descriptor;            /* -1: none */
    atomic_uint_fast64_t used; /* bytes */
} rsi_spill;
#define RSI_SPILL_NONE                                                                             \
    (rsi_spill)                                                                                    \
    {                                                                                              \
        .descriptor = -1                                                                           \
    }

/* A new, empty one in `directory`, for the one writer that there is. RS_EIO. */
RS_MUST_USE rs_status rsi_spill_open(rsi_spill *spill, int directory, rs_error *err);
/* A new, empty one in a folder where others may have theirs, and which is made where it is not
 * there. RS_EIO, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_spill_open_in(rsi_spill *spill, const char *folder, rs_error *err);
void rsi_spill_close(rsi_spill *spill);
/* A place for `length` bytes that nobody else has. */
uint64_t rsi_spill_reserve(rsi_spill *spill, uint64_t length);
RS_MUST_USE rs_status rsi_spill_write(const rsi_spill *spill, uint64_t offset, const void *bytes,
                                      size_t length, rs_error *err);
/* Exactly `length` bytes, which were written before. */
RS_MUST_USE rs_status rsi_spill_read(const rsi_spill *spill, uint64_t offset, void *bytes,
                                     size_t length, rs_error *err);

/* ---- front to back ------------------------------------------------------------------------ */

/* A piece of a spill. Pieces of a list are read in the order of the list, wherever they lie. */
typedef struct rsi_extent {
    uint64_t offset;
    uint64_t length;
} rsi_extent;

typedef struct rsi_spill_reader {
    const rsi_spill *spill;
    const rsi_extent *extents;
    size_t extent_count;
    size_t extent;  /* being read */
    uint64_t taken; /* bytes of it in the window or before */
    uint8_t *window;
    size_t capacity;
    size_t at;
    size_t end;
} rsi_spill_reader;

/* `window` bytes are held. The extents are lent. */
RS_MUST_USE rs_status rsi_spill_reader_init(rsi_spill_reader *reader, const rsi_spill *spill,
                                            const rsi_extent *extents, size_t count,
                                            size_t window_bytes, rs_error *err);
void rsi_spill_reader_free(rsi_spill_reader *reader);
/* The next `length` bytes, at most the window's size, lent until the next call; RS_ECORRUPT where
 * fewer are left. */
RS_MUST_USE rs_status rsi_spill_take(rsi_spill_reader *reader, size_t length, const uint8_t **bytes,
                                     rs_error *err);

#endif
