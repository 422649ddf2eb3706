/* verify.h - hold an open snapshot against all invariants of docs/FORMAT.md.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_VERIFY_H
#define RSI_STORE_VERIFY_H

#include "store/store_internal.h"

/* *damage counts findings; `err` holds the first. RS_ECORRUPT, or what kept it from looking. */
RS_MUST_USE rs_status rsi_verify_store(const rs_store *store, const rs_work *work, uint64_t *damage,
                                       rs_error *err);

#endif
