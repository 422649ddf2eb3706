/* stats_sharing.h - how much subjects share, and how many of their ties share something too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_STATS_SHARING_H
#define RSI_CLI_STATS_SHARING_H

#include <stdbool.h>
#include <stdio.h>

#include "ringscope/store.h"
#include "ringscope/work.h"

/* Print two tables, or with `json` the keys "shared" and "ties" as they stand within an object.
 * Reads every relation; memory 8 bytes a node, 12 a use and 40 a pair of the relation at hand.
 * RS_EIO, RS_ECORRUPT, RS_ENOMEM, RS_EINTERRUPTED. */
RS_MUST_USE rs_status rsi_print_sharing(FILE *out, const rs_store *store, bool json,
                                        const rs_work *work, rs_error *err);

#endif
