/* partial.h - a snapshot of which some files may be unreadable: what verify and salvage look at.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_PARTIAL_H
#define RSI_STORE_PARTIAL_H

#include "store/store_internal.h"
#include "store/violations.h"

typedef struct rsi_partial {
    rs_store *store; /* NULL where there is no manifest to go by; else every file has its place, and
                      * a broken one is closed and has no blocks */
    bool *broken;    /* per file */
    bool forgive;
} rsi_partial;

/* Open what can be opened; adds to `list` what cannot (S-01 to S-03, S-07, S-09, S-12), with
 * `forgive` also what the system cannot read: a disk that fails. Holds the files against their
 * removal until it is closed. RS_ENOTFOUND where there is no directory; RS_EIO, RS_ENOMEM. { 0 } is
 * empty. */
RS_MUST_USE rs_status rsi_partial_open(rsi_partial *out, const char *path, bool forgive,
                                       rs_violations *list, rs_error *err);
void rsi_partial_close(rsi_partial *partial);

/* The segment that a rows or reverse file stands beside, or the number of files. */
size_t rsi_partial_segment(const rs_store *store, size_t beside);

#endif
